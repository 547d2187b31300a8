using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Facade;

/// <summary>
/// Gives etcd's code and words where the gRPC library ends a call that no service of ours has seen: a message that cannot be parsed,
/// a health check of a service that nobody knows.
/// </summary>
internal sealed class LibraryStatuses(RequestDelegate next)
{
    private const string Status = "grpc-status";
    private const string Message = "grpc-message";

    // Our services map every exception themselves: what the library reports so comes from before them.
    private const string Unmapped = "Exception was thrown by handler.";

    public async Task Invoke(HttpContext context)
    {
        await next(context);

        // A stream that has begun tells at its end.
        var told = context.Response.HasStarted ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : context.Response.Headers;
        if (told is null || !told.TryGetValue(Status, out var status))
        {
            return;
        }

        var message = told[Message].ToString();
        if (status == Code(StatusCode.Unknown) && message.StartsWith(Unmapped, StringComparison.Ordinal))
        {
            told[Status] = Code(StatusCode.Internal);
            told[Message] = "grpc: error unmarshalling request";
        }
        else if (status == Code(StatusCode.NotFound) && message.Length == 0)
        {
            told[Message] = "unknown service";
        }
    }

    private static string Code(StatusCode code) => ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
