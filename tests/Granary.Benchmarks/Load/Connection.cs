using Granary.Protos;
using Grpc.Net.Client;

namespace Granary.Benchmarks.Load;

/// <summary>One HTTP/2 connection to a server, shared by any number of clients.</summary>
internal sealed class Connection : IDisposable
{
    private readonly GrpcChannel _channel;

    public Connection(Uri endpoint)
    {
        _channel = GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                UseCookies = false,
                EnableMultipleHttp2Connections = false,
                ActivityHeadersPropagator = null,
                InitialHttp2StreamWindowSize = 1 << 20,
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            },
        });
        Kv = new KV.KVClient(_channel);
        Watch = new Watch.WatchClient(_channel);
        Maintenance = new Maintenance.MaintenanceClient(_channel);
        Lease = new Lease.LeaseClient(_channel);
    }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public Lease.LeaseClient Lease { get; }

    public void Dispose() => _channel.Dispose();

    /// <summary>Several connections to the same server.</summary>
    public static Connection[] Open(Uri endpoint, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return [.. Enumerable.Range(0, count).Select(_ => new Connection(endpoint))];
    }
}
