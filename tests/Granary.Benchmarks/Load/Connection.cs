using System.Net.Security;
using Granary.Protos;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Granary.Benchmarks.Load;

/// <summary>One HTTP/2 connection to a server, shared by any number of clients.</summary>
internal sealed class Connection : IDisposable
{
    private readonly GrpcChannel _channel;

    /// <param name="endpoint">The server.</param>
    /// <param name="credentials">Who the client is, and whom it trusts.</param>
    public Connection(Uri endpoint, Credentials? credentials = null)
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
                SslOptions = credentials?.Tls() ?? new SslClientAuthenticationOptions(),
            },
        });
        var invoker = credentials?.Token is { } token ? _channel.Intercept(headers => With(headers, token)) : _channel.CreateCallInvoker();
        Kv = new KV.KVClient(invoker);
        Watch = new Watch.WatchClient(invoker);
        Maintenance = new Maintenance.MaintenanceClient(invoker);
        Lease = new Lease.LeaseClient(invoker);
        Auth = new Auth.AuthClient(invoker);
    }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public Lease.LeaseClient Lease { get; }

    public Auth.AuthClient Auth { get; }

    public void Dispose() => _channel.Dispose();

    /// <summary>Several connections to the same server.</summary>
    public static Connection[] Open(Uri endpoint, int count, Credentials? credentials = null) => Open([endpoint], count, credentials);

    /// <summary>Several connections, divided between servers.</summary>
    public static Connection[] Open(IReadOnlyList<Uri> endpoints, int count, Credentials? credentials)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return [.. Enumerable.Range(0, count).Select(i => new Connection(endpoints[i % endpoints.Count], credentials))];
    }

    private static Metadata With(Metadata headers, string token)
    {
        headers.Add("token", token);
        return headers;
    }
}
