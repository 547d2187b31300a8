using System.Net;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Testing;

/// <summary>Plain-text HTTP/2 channels that add nothing to a call: no proxy, no retries, no limits of their own.</summary>
public static class Channels
{
    public static GrpcChannel To(string address) => ToAny([address]);

    /// <summary>A channel whose every call goes to one of several servers, by chance.</summary>
    public static GrpcChannel ToAny(IReadOnlyList<string> addresses) => GrpcChannel.ForAddress(addresses[0], new GrpcChannelOptions
    {
        HttpHandler = addresses.Count == 1 ? Handler() : new AnyServer(addresses) { InnerHandler = Handler() },
        DisposeHttpClient = true,
        Credentials = ChannelCredentials.Insecure,
        MaxReceiveMessageSize = null,
        MaxSendMessageSize = null,
        MaxRetryAttempts = null,
    });

    private static SocketsHttpHandler Handler() => new() { UseProxy = false, EnableMultipleHttp2Connections = true };

    /// <summary>For calls whose bytes are ours: they come on one HTTP/2 connection, without gRPC's client in between.</summary>
    public static HttpClient RawHttp2(string address) => new(new SocketsHttpHandler { UseProxy = false }, disposeHandler: true)
    {
        BaseAddress = new Uri(address),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private sealed class AnyServer(IReadOnlyList<string> addresses) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.RequestUri = new Uri(new Uri(addresses[Random.Shared.Next(addresses.Count)]), request.RequestUri!.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
