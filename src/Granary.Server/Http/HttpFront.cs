using System.Diagnostics;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Gateway;
using Granary.Server.Health;
using Granary.Server.Listening;
using Granary.Server.Metrics;
using Granary.Server.WebConsole;
using Grpc.Core;

namespace Granary.Server.Http;

/// <summary>Sends each request to what serves it: gRPC to the services, everything else by its path; and lets a listener serve no more than it should.</summary>
internal sealed partial class HttpFront
{
    private const string GrpcContentType = "application/grpc";

    private readonly RequestDelegate _grpc;
    private readonly RequestDelegate _metrics;
    private readonly ILogger _logger;
    private readonly ServerOptions _options;
    private readonly HttpAccess _access;
    private readonly HealthEndpoints _health;
    private readonly GatewayEndpoint? _gateway;
    // Its files are read when somebody wants them.
    private readonly Lazy<ConsoleEndpoint>? _console;

    /// <param name="grpc">Serves gRPC.</param>
    /// <param name="metrics">Serves /metrics.</param>
    /// <param name="health">Serves health.</param>
    /// <param name="routes">The calls that can be made with JSON.</param>
    /// <param name="options">What is served at all.</param>
    /// <param name="loggers">Told of what should not happen.</param>
    /// <param name="history">Serves the console's last hour, where there is a console.</param>
    public HttpFront(
        RequestDelegate grpc, RequestDelegate metrics, HealthEndpoints health, GatewayRoutes routes, ServerOptions options, ILoggerFactory loggers,
        HistoryEndpoint? history = null)
    {
        _logger = loggers.CreateLogger<HttpFront>();
        _grpc = grpc;
        _metrics = metrics;
        _health = health;
        _options = options;
        _access = new HttpAccess(options);
        _gateway = options.EnableGrpcGateway ? new GatewayEndpoint(routes, grpc, options, loggers) : null;
        _console = options.EnableConsole ? new Lazy<ConsoleEndpoint>(() => new ConsoleEndpoint(options, history)) : null;
    }

    public Task Serve(HttpContext context)
    {
        // A client may begin calls and leave them faster than they are served: those must not keep others waiting.
        if (context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        var purpose = context.Features.Get<ListenerFeature>()?.Purpose ?? ListenerPurpose.All;
        var isGrpc = context.Request.ContentType?.StartsWith(GrpcContentType, StringComparison.OrdinalIgnoreCase) is true;
        return isGrpc && purpose.HasFlag(ListenerPurpose.Grpc) ? _grpc(context) : ServeHttp(context, purpose);
    }

    private async Task ServeHttp(HttpContext context, ListenerPurpose purpose)
    {
        try
        {
            if (!await _access.Answers(context))
            {
                await Find(context.Request.Path.Value!, purpose)(context);
            }
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested && exception is not BadHttpRequestException)
        {
            Log.Unexpected(_logger, exception, context.Request.Path, Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
            if (context.Response.HasStarted)
            {
                context.Abort();
            }
            else
            {
                context.Response.Clear();
                await GatewayErrors.Write(context.Response, StatusCode.Unknown, CallErrors.InternalError);
            }
        }
    }

    private RequestDelegate Find(string path, ListenerPurpose purpose) =>
        purpose.HasFlag(ListenerPurpose.Http) && GatewayRoutes.Owns(path) && _gateway is not null ? _gateway.Serve
        : purpose.HasFlag(ListenerPurpose.Http) && path == "/version" ? VersionEndpoint.Serve
        : purpose.HasFlag(ListenerPurpose.Http) && ConsoleEndpoint.Owns(path) && _console is not null ? _console.Value.Serve
        : purpose.HasFlag(ListenerPurpose.Http) && path == DebugVarsEndpoint.Path && _options.EnableDebugVars ? DebugVarsEndpoint.Serve
        : !purpose.HasFlag(ListenerPurpose.Monitoring) ? PlainText.NotFound
        : path == MetricsExtensions.Path && (_options.EnableMetrics || !purpose.HasFlag(ListenerPurpose.Http)) ? _metrics
        : _health.Find(path) ?? PlainText.NotFound;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Path} failed unexpectedly; trace {Trace}.")]
        public static partial void Unexpected(ILogger logger, Exception exception, string path, string trace);
    }
}
