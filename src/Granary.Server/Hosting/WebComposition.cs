using System.Diagnostics.Metrics;
using Granary.Grains.Replication;
using Granary.Server.Audit;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Gateway;
using Granary.Server.Health;
using Granary.Server.Http;
using Granary.Server.Identity;
using Granary.Server.Listening;
using Granary.Server.Membership;
using Granary.Server.Metrics;
using Granary.Server.Tracing;
using Granary.Server.WebConsole;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Server.Hosting;

/// <summary>Composes the web application: listeners, services, what a request passes on its way.</summary>
internal static class WebComposition
{
    /// <summary>All that needs no storage yet.</summary>
    public static WebApplicationBuilder Prepare(ServerOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "granary" });

        // Under systemd: says when it is ready and when it stops. The form of the log stays what it is set to be.
        builder.Services.AddSystemd();
        LogOutput.Configure(builder.Logging, options.LogLevel, options.LogFormat);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listeners.Configure(kestrel, options));
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = GranaryServer.ShutdownTimeout);
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        // Before the silo, so that what its grains count when they come up is counted.
        builder.Services.AddGranaryMetrics();
        builder.UseOrleans(silo => silo.UseGranary(options));
        if (options.Engine == Engine.Postgres)
        {
            // Behind the silo, and before the ports of clients.
            builder.Services.AddHostedService<Campaign>();
            builder.Services.AddSingleton(new CorruptionCheckOptions(options.CorruptCheckTime));
        }


        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(provider => new RpcMetrics(EtcdServices.All, provider.GetRequiredService<IMeterFactory>(), options.ExtensiveMetrics));
        builder.Services.AddSingleton<ClientTraffic>();
        builder.Services.AddSingleton(new ConnectionBound(options.MaxConnections, ConnectionBound.MostStrangers));
        builder.Services.AddHostedService<MemoryReturn>();
        if (options.EnableConsole && options.EnableGrpcGateway)
        {
            builder.Services.AddSingleton<History>();
            builder.Services.AddSingleton<RangeRates>();
            builder.Services.AddSingleton<HistoryEndpoint>();
            builder.Services.AddHostedService<HistorySampler>();
        }

        builder.Services.AddSingleton<HealthProbe>();
        builder.Services.AddSingleton<HealthEndpoints>();
        builder.Services.AddSingleton(new GatewayRoutes(EtcdServices.All));
        builder.Services.AddSingleton(new Passwords(options.BcryptCost));
        builder.Services.AddSingleton<Callers>();
        builder.Services.AddSingleton<SessionSharing>();
        builder.Services.AddEtcdServices();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = RequestSize.MaxMessageBytes(options);
            grpc.MaxSendMessageSize = null;
            grpc.EnableDetailedErrors = false;
            if (options.AuditLog is not null)
            {
                grpc.Interceptors.Add<AuditInterceptor>();
            }
        });
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks(health => health.UseHealthChecksCache = false)
            .AddCheck<ReadinessHealthCheck>("readiness", HealthStatus.Unhealthy);
        builder.Services.AddGranaryTracing(options.Tracing);
        return builder;
    }

    /// <summary>The application, when the storage is there.</summary>
    public static WebApplication Assemble(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        var metrics = ((IApplicationBuilder)app).New();
        metrics.UseGranaryMetrics();
        var serveMetrics = metrics.Build();
        app.Use(grpc => ActivatorUtilities.CreateInstance<HttpFront>(app.Services, grpc, serveMetrics).Serve);
        var options = app.Services.GetRequiredService<ServerOptions>();
        app.UseMiddleware<UnknownMethods>(EtcdServices.Served(options));
        app.UseMiddleware<LargeAnswers>();
        app.UseMiddleware<RpcMetering>();
        app.UseMiddleware<LibraryStatuses>();
        if (options.Engine == Engine.Postgres)
        {
            app.UseMiddleware<LearnerCalls>();
        }

        app.UseRouting();
        app.MapEtcdServices(options);
        return app;
    }
}
