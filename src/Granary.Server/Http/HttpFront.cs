using Granary.Server.Configuration;
using Granary.Server.Gateway;
using Granary.Server.Health;
using Granary.Server.Listening;
using Granary.Server.Metrics;

namespace Granary.Server.Http;

/// <summary>Sends each request to what serves it: gRPC to the services, everything else by its path; and lets a listener serve no more than it should.</summary>
internal sealed class HttpFront
{
    private const string GrpcContentType = "application/grpc";

    private readonly RequestDelegate _grpc;
    private readonly RequestDelegate _metrics;
    private readonly HttpAccess _access;
    private readonly HealthEndpoints _health;
    private readonly GatewayEndpoint? _gateway;

    /// <param name="grpc">Serves gRPC.</param>
    /// <param name="metrics">Serves /metrics.</param>
    /// <param name="health">Serves health.</param>
    /// <param name="routes">The calls that can be made with JSON.</param>
    /// <param name="options">What is served at all.</param>
    public HttpFront(RequestDelegate grpc, RequestDelegate metrics, HealthEndpoints health, GatewayRoutes routes, ServerOptions options)
    {
        _grpc = grpc;
        _metrics = metrics;
        _health = health;
        _access = new HttpAccess(options);
        _gateway = options.EnableGrpcGateway ? new GatewayEndpoint(routes, grpc, options) : null;
    }

    public Task Serve(HttpContext context)
    {
        var purpose = context.Features.Get<ListenerFeature>()?.Purpose ?? ListenerPurpose.All;
        var isGrpc = context.Request.ContentType?.StartsWith(GrpcContentType, StringComparison.OrdinalIgnoreCase) is true;
        return isGrpc && purpose.HasFlag(ListenerPurpose.Grpc) ? _grpc(context) : ServeHttp(context, purpose);
    }

    private async Task ServeHttp(HttpContext context, ListenerPurpose purpose)
    {
        if (!await _access.Answers(context))
        {
            await Find(context.Request.Path.Value!, purpose)(context);
        }
    }

    private RequestDelegate Find(string path, ListenerPurpose purpose) =>
        purpose.HasFlag(ListenerPurpose.Http) && GatewayRoutes.Owns(path) && _gateway is not null ? _gateway.Serve
        : purpose.HasFlag(ListenerPurpose.Http) && path == "/version" ? VersionEndpoint.Serve
        : !purpose.HasFlag(ListenerPurpose.Monitoring) ? PlainText.NotFound
        : path == MetricsExtensions.Path ? _metrics
        : _health.Find(path) ?? PlainText.NotFound;
}
