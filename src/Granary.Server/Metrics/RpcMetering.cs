using System.Diagnostics;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Metrics;

/// <summary>Counts each gRPC call when it begins and, by its status, when it ends.</summary>
internal sealed class RpcMetering(RequestDelegate next, RpcMetrics metrics)
{
    private const string StatusKey = "grpc-status";

    public Task Invoke(HttpContext context) =>
        metrics.Find(context.Request.Path.Value!) is { } method ? Metered(context, method) : next(context);

    private async Task Metered(HttpContext context, RpcMethodMetrics method)
    {
        var start = Stopwatch.GetTimestamp();
        method.CountStarted();
        metrics.CountClient(method, context.Request.Headers["client-api-version"] is [{ } version] ? version : "unknown");
        if (method.IsStream)
        {
            context.Features.Set(method);
        }

        try
        {
            await next(context);
        }
        finally
        {
            metrics.CountEnd(method, StatusOf(context), start);
        }
    }

    private static StatusCode StatusOf(HttpContext context)
    {
        var trailers = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        var status = trailers is not null && trailers.TryGetValue(StatusKey, out var last) ? last : context.Response.Headers[StatusKey];
        return status is ["0"] ? StatusCode.OK
            : int.TryParse(status.ToString(), out var code) ? (StatusCode)code
            : context.RequestAborted.IsCancellationRequested ? StatusCode.Cancelled
            : StatusCode.Unknown;
    }
}
