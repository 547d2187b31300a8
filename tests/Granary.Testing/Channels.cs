using System.Net;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Testing;

/// <summary>Plain-text HTTP/2 channels that add nothing to a call: no proxy, no retries, no limits of their own.</summary>
public static class Channels
{
    public static GrpcChannel To(string address) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true },
        DisposeHttpClient = true,
        Credentials = ChannelCredentials.Insecure,
        MaxReceiveMessageSize = null,
        MaxSendMessageSize = null,
        MaxRetryAttempts = null,
    });

    /// <summary>For calls whose bytes are ours: they come on one HTTP/2 connection, without gRPC's client in between.</summary>
    public static HttpClient RawHttp2(string address) => new(new SocketsHttpHandler { UseProxy = false }, disposeHandler: true)
    {
        BaseAddress = new Uri(address),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };
}
