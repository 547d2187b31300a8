using System.Globalization;
using System.Net.Http.Headers;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>A call of gRPC whose frames are ours, all sent at once.</summary>
internal static class RawGrpc
{
    /// <summary>Makes it, and waits for its end.</summary>
    /// <param name="client">Of HTTP/2.</param>
    /// <param name="path">The method.</param>
    /// <param name="frames">What is sent.</param>
    /// <param name="cancellationToken">Leaves.</param>
    public static async Task<Status> Call(HttpClient client, string path, byte[] frames, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = client.DefaultRequestVersion,
            VersionPolicy = client.DefaultVersionPolicy,
            Content = new ByteArrayContent(frames) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.ParseAdd("trailers");
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await (await response.Content.ReadAsStreamAsync(cancellationToken)).CopyToAsync(Stream.Null, cancellationToken);
        var told = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;
        var code = (StatusCode)int.Parse(told.GetValues("grpc-status").Single(), CultureInfo.InvariantCulture);
        return new Status(code, told.TryGetValues("grpc-message", out var text) ? Uri.UnescapeDataString(text.Single()) : "");
    }
}
