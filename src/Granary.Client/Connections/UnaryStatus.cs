using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>What a gRPC call over HTTP/2 says of itself in headers, as its specification has it.</summary>
internal static class UnaryStatus
{
    // A timeout has eight digits at most.
    private const long MaxTimeout = 99_999_999;

    /// <summary>Whether it is a gRPC server that has answered.</summary>
    public static bool IsGrpc(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.OK
        && response.Content.Headers.NonValidated.TryGetValues("content-type", out var type)
        && type.ToString().StartsWith("application/grpc", StringComparison.Ordinal);

    /// <summary>The status that ends an answer. When there is nothing but a status, it stands in the headers.</summary>
    public static Status Of(HttpResponseMessage response)
    {
        var headers = response.TrailingHeaders.NonValidated;
        if (!headers.TryGetValues("grpc-status", out var values))
        {
            headers = response.Headers.NonValidated;
            if (!headers.TryGetValues("grpc-status", out values))
            {
                return new Status(StatusCode.Unavailable, "The answer has no status: it has been cut off.");
            }
        }

        var text = values.ToString();
        return text == "0" ? Status.DefaultSuccess
            : new Status(
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? (StatusCode)code : StatusCode.Unknown,
                Detail(headers));
    }

    /// <summary>What an answer means that is none of gRPC's.</summary>
    public static Status OfHttp(HttpResponseMessage response) => new(
        response.StatusCode switch
        {
            HttpStatusCode.BadRequest => StatusCode.Internal,
            HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
            HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
            HttpStatusCode.NotFound => StatusCode.Unimplemented,
            HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
            _ => StatusCode.Unknown,
        },
        $"The server's answer is not gRPC: HTTP status {(int)response.StatusCode}.");

    /// <summary>A timeout, rounded up: in milliseconds, or in seconds where those are too many.</summary>
    public static string Timeout(TimeSpan timeout)
    {
        var milliseconds = Math.Ceiling(timeout.TotalMilliseconds);
        return milliseconds <= MaxTimeout
            ? string.Create(CultureInfo.InvariantCulture, $"{(long)milliseconds}m")
            : string.Create(CultureInfo.InvariantCulture, $"{(long)Math.Min(MaxTimeout, Math.Ceiling(timeout.TotalSeconds))}S");
    }

    private static string Detail(HttpHeadersNonValidated headers) =>
        headers.TryGetValues("grpc-message", out var values) ? Uri.UnescapeDataString(values.ToString()) : "";
}
