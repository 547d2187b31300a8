using Granary.Server.Configuration;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Granary.Server.Gateway;

/// <summary>Serves the paths below /v3: finds the call, refuses what is none.</summary>
internal sealed class GatewayEndpoint(GatewayRoutes routes, RequestDelegate grpc, ServerOptions options)
{
    // A body that is one message comes at some speed; one that is a stream may say nothing for days.
    private static readonly MinDataRate SlowestBody = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    public Task Serve(HttpContext context)
    {
        if (routes.Find(context.Request.Path.Value!) is not { } method)
        {
            return GatewayErrors.Write(context.Response, StatusCode.NotFound, "Not Found");
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            return GatewayErrors.Write(context.Response, StatusCode.Unimplemented, "Method Not Allowed");
        }

        if (!method.TakesStream && !HttpProtocol.IsHttp2(context.Request.Protocol)
            && context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = SlowestBody;
        }

        return new GatewayCall(context, method, grpc, options).Run();
    }
}
