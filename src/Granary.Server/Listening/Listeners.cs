using Granary.Server.Configuration;
using Granary.Server.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Granary.Server.Listening;

/// <summary>Opens the listeners, each for what it serves, with the bounds that keep a silent or greedy client from costing anything.</summary>
internal static class Listeners
{
    // Kestrel doubles its limit to bound the streams that it still tracks, in an int: more would turn into a small bound.
    private const uint MaxStreamsPerConnection = 1 << 29;

    // Those who watch the server are few, and reach it also when clients are too many.
    private const int MostMonitoring = 64;

    public static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        // Every bound that etcd does not have would end or stall a client that etcd serves.
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true;
        kestrel.Limits.MaxRequestBodySize = null;

        // Of a connection: below it much that is sent at once, a snapshot above all, stops for each handful of frames.
        kestrel.Limits.MaxResponseBufferSize = 256 << 10;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.KeepAliveTimeout = options.IdleConnectionTimeout;
        kestrel.Limits.RequestHeadersTimeout = options.RequestHeadersTimeout;
        kestrel.Limits.MaxRequestHeadersTotalSize = 1 << 20;
        kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 1 << 20;
        kestrel.Limits.Http2.MaxStreamsPerConnection = (int)Math.Min(options.MaxConcurrentStreams, MaxStreamsPerConnection);
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1 << 20;

        var traffic = kestrel.ApplicationServices.GetRequiredService<ClientTraffic>();
        var clients = kestrel.ApplicationServices.GetRequiredService<ConnectionBound>();
        var onClientPort = options.ListenClientHttpUrls.Count > 0 ? ListenerPurpose.Grpc : ListenerPurpose.All;
        Listen(kestrel, options, options.ListenClientUrls, onClientPort, clients, traffic);
        Listen(kestrel, options, options.ListenClientHttpUrls, ListenerPurpose.Http, clients, traffic);
        Listen(kestrel, options, options.ListenMetricsUrls, ListenerPurpose.Monitoring, new ConnectionBound(MostMonitoring, MostMonitoring), traffic: null);
    }

    private static void Listen(
        KestrelServerOptions kestrel,
        ServerOptions options,
        IReadOnlyList<ListenUrl> urls,
        ListenerPurpose purpose,
        ConnectionBound bound,
        ClientTraffic? traffic)
    {
        foreach (var url in urls)
        {
            if (url.EndPoint is { } endpoint)
            {
                kestrel.Listen(endpoint, listen => Prepare(listen, url));
            }
            else
            {
                kestrel.ListenUnixSocket(url.SocketPath!, listen => Prepare(listen, url));
            }
        }

        void Prepare(ListenOptions listen, ListenUrl url)
        {
            listen.Use(next => connection => bound.Serve(connection, next));
            if (traffic is not null)
            {
                listen.Use(next => connection => traffic.Serve(connection, next));
            }

            if (url.IsSecure)
            {
                listen.Secure(kestrel.ApplicationServices.GetRequiredService<ServerTls>(), options.Tls);
            }

            listen.ServeBoth(purpose, options.RequestHeadersTimeout);
        }
    }
}
