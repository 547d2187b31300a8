using System.Security.Cryptography.X509Certificates;
using Granary.Protos;
using Grpc.Net.Client;

namespace Granary.Client.Connections;

/// <summary>One server, with its connections.</summary>
internal sealed class Endpoint : IDisposable
{
    private readonly GrpcChannel _channel;

    public Endpoint(string address, GranaryClientOptions options)
    {
        // With a client of ours, a stream that finds no connection makes one itself: nothing waits ever longer before it tries again.
        var handler = Handler(options);
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        Unary = new UnaryCalls(new HttpMessageInvoker(handler, disposeHandler: false), new Uri(address));
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpClient = client, DisposeHttpClient = true, MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        var invoker = _channel.CreateCallInvoker();
        Watches = new Watch.WatchClient(invoker);
        Maintenance = new Protos.Maintenance.MaintenanceClient(invoker);
    }

    public UnaryCalls Unary { get; }

    public Watch.WatchClient Watches { get; }

    public Protos.Maintenance.MaintenanceClient Maintenance { get; }

    public void Dispose()
    {
        Unary.Dispose();
        _channel.Dispose();
    }

    private static SocketsHttpHandler Handler(GranaryClientOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = options.KeepAlivePingDelay,
            KeepAlivePingTimeout = options.KeepAlivePingTimeout,

            // A server counts pings without a call as abuse.
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        };
        if (options.ClientCertificate is { } certificate)
        {
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        if (options.TrustedAuthorities.Count > 0)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(options.TrustedAuthorities);
        }

        return handler;
    }
}
