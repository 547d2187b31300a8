using Granary.Server.Configuration;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.WebSockets;
using Microsoft.Extensions.Options;

namespace Granary.Server.Gateway;

/// <summary>Serves the paths below /v3, by POST or over a WebSocket: finds the call, refuses what is none.</summary>
internal sealed class GatewayEndpoint
{
    // A body that is one message comes at some speed; one that is a stream may say nothing for days.
    private static readonly MinDataRate SlowestBody = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    private readonly GatewayRoutes _routes;
    private readonly RequestDelegate _grpc;
    private readonly ServerOptions _options;
    private readonly WebSocketMiddleware _upgrades;

    public GatewayEndpoint(GatewayRoutes routes, RequestDelegate grpc, ServerOptions options, ILoggerFactory loggers)
    {
        _routes = routes;
        _grpc = grpc;
        _options = options;
        _upgrades = new WebSocketMiddleware(
            context => context.WebSockets.IsWebSocketRequest ? new WebSocketCall(context, Call).Run() : Call(context),
            Options.Create(new WebSocketOptions()),
            loggers);
    }

    public Task Serve(HttpContext context) => _upgrades.Invoke(context);

    private Task Call(HttpContext context)
    {
        if (_routes.Find(context.Request.Path.Value!) is not { } method)
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

        return new GatewayCall(context, method, _grpc, _options).Run();
    }
}
