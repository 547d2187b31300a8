using Grpc.Core;

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
        if (context.Response.HasStarted || !context.Response.Headers.TryGetValue(Status, out var status))
        {
            return;
        }

        var message = context.Response.Headers[Message].ToString();
        if (status == Code(StatusCode.Unknown) && message.StartsWith(Unmapped, StringComparison.Ordinal))
        {
            context.Response.Headers[Status] = Code(StatusCode.Internal);
            context.Response.Headers[Message] = "grpc: error unmarshalling request";
        }
        else if (status == Code(StatusCode.NotFound) && message.Length == 0)
        {
            context.Response.Headers[Message] = "unknown service";
        }
    }

    private static string Code(StatusCode code) => ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
