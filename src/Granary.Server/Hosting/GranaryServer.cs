using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Granary.Grains.Hosting;
using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Granary.Server.Audit;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Gateway;
using Granary.Server.Health;
using Granary.Server.Http;
using Granary.Server.Identity;
using Granary.Server.Listening;
using Granary.Server.Metrics;
using Granary.Server.Tls;
using Granary.Server.Tracing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Hosting;

/// <summary>One Granary server: one Orleans silo and the gRPC facade in one process, over storage that outlives both.</summary>
internal sealed partial class GranaryServer : IAsyncDisposable
{
    /// <summary>How long a server that is told to stop goes on with what is in flight.</summary>
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(10);

    private readonly ILoggerFactory _loggers;
    private readonly Storage _storage;
    private readonly WebApplication _app;
    private bool _hasStarted;

    private GranaryServer(ILoggerFactory loggers, Storage storage, WebApplication app)
    {
        _loggers = loggers;
        _storage = storage;
        _app = app;
    }

    public IServiceProvider Services => _app.Services;

    // So long a server that can write no more says so to those who ask for its health, before it ends.
    private static readonly TimeSpan FailureNotice = TimeSpan.FromSeconds(2);

    /// <summary>Runs until the process is told to stop, and finishes what is in flight.</summary>
    /// <exception cref="SettingsException">The server cannot start.</exception>
    /// <exception cref="ServerFailedException">It could write no more, and has stopped.</exception>
    public static async Task Run(ServerOptions options, CancellationToken cancellationToken)
    {
        await using var server = await Start(options, cancellationToken);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, server._app.Lifetime.ApplicationStopping);
        await server._storage.Log.Failed.WaitAsync(stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (server._storage.Log.Failure is { } failure)
        {
            await Task.Delay(FailureNotice, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new ServerFailedException(failure);
        }
    }

    /// <summary>Starts a server; it serves when this returns, and until it is disposed.</summary>
    /// <exception cref="SettingsException">The server cannot start.</exception>
    public static async Task<GranaryServer> Start(ServerOptions options, CancellationToken cancellationToken)
    {
        var loggers = LoggerFactory.Create(logging => LogOutput.Configure(logging, options.LogLevel, options.LogFormat));

        // The two take about as long and use different parts of the machine.
        using var standby = new StandbyPorts(options, loggers.CreateLogger<StandbyPorts>());
        var opening = Task.Run(() => OpenStorage(options, standby.LeaderIs, loggers, cancellationToken), cancellationToken);
        var builder = Prepare(options);
        var storage = await opening;
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = address =>
            standby.TakeOver(address) ?? SocketTransportOptions.CreateDefaultBoundListenSocket(address));
        builder.Services.AddGranaryStorage(storage.Replica, storage.Log);
        builder.Services.AddSingleton(storage.TemporarySpace);
        try
        {
            if (options.AuditLog is { } audit)
            {
                builder.Services.AddSingleton(new AuditLog(audit, TimeProvider.System));
            }

            builder.Services.AddSingleton<ITokens>(
                options.Jwt is { } jwt ? new JwtTokens(jwt, TimeProvider.System) : new SimpleTokens(options.AuthTokenTtl, TimeProvider.System));
            if (options.AllListenUrls.Any(static url => url.IsSecure))
            {
                builder.Services.AddSingleton(new ServerTls(Certified(options), TimeProvider.System, loggers.CreateLogger<ServerTls>()));
            }
        }
        catch
        {
            storage.Dispose();
            loggers.Dispose();
            throw;
        }

        var server = new GranaryServer(loggers, storage, Assemble(builder));
        try
        {
            await server._app.StartAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            await server.DisposeAsync();
            if (exception is not SocketException && exception.InnerException is not AddressInUseException)
            {
                throw;
            }

            throw new SettingsException(
                $"cannot listen on {string.Join(", ", options.ListenClientUrls)}: {(exception.InnerException ?? exception).Message}");
        }

        server._hasStarted = true;
        var logger = loggers.CreateLogger("Granary");
        Log.Started(logger, ProductVersion.Granary, options.Engine, storage.Place, storage.Replica.State.Revision, storage.Log.Term);
        foreach (var url in options.ListenClientUrls)
        {
            Log.Listening(logger, url.Text);
            if (!url.IsSecure && options.Tls.HasCertificate)
            {
                Log.Plain(logger, url.Text);
            }
        }

        Log.Ready(logger);
        return server;
    }

    /// <summary>Stops accepting, finishes what is in flight for as long as the shutdown may take, then closes the storage.</summary>
    public async ValueTask DisposeAsync()
    {
        using var tooLate = new CancellationTokenSource(ShutdownTimeout);
        await Services.GetRequiredService<LastingCalls>().EndAll();
        await _app.StopAsync(tooLate.Token);
        await _app.DisposeAsync();
        var failed = _storage.Log.Failure is not null;
        _storage.Dispose();
        if (_hasStarted && !failed)
        {
            Log.Stopped(_loggers.CreateLogger("Granary"));
        }

        _loggers.Dispose();
    }

    /// <summary>How connections are secured, with a certificate made by now if it is to be.</summary>
    private static TlsOptions Certified(ServerOptions options) =>
        options.Tls.HasCertificate ? options.Tls
        : options.Engine == Engine.Memory ? throw new SettingsException(
            "--auto-tls keeps its certificate in the data directory, which --engine=memory does not have: name one by --cert-file and --key-file")
        : AutoCertificate.Use(options.Tls, DataDirectory.CertificatesIn(options.EffectiveDataDirectory), options.AllListenUrls);

    private static async Task<Storage> OpenStorage(
        ServerOptions options, Action<IReadOnlyList<string>> leaderIs, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        try
        {
            return await Storage.Open(options, leaderIs, loggers, cancellationToken);
        }
        catch (Exception exception) when (exception is not (SettingsException or OperationCanceledException))
        {
            throw new SettingsException(exception.Message);
        }
    }

    private static WebApplicationBuilder Prepare(ServerOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "granary" });

        // Under systemd: says when it is ready and when it stops. The form of the log stays what it is set to be.
        builder.Services.AddSystemd();
        LogOutput.Configure(builder.Logging, options.LogLevel, options.LogFormat);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listeners.Configure(kestrel, options));
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        // Before the silo, so that what its grains count when they come up is counted.
        builder.Services.AddGranaryMetrics();
        builder.UseOrleans(silo => ConfigureSilo(silo, options));

        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(provider => new RpcMetrics(EtcdServices.All, provider.GetRequiredService<IMeterFactory>(), options.ExtensiveMetrics));
        builder.Services.AddSingleton<ClientTraffic>();
        builder.Services.AddSingleton(new ConnectionBound(options.MaxConnections, ConnectionBound.MostStrangers));
        builder.Services.AddHostedService<MemoryReturn>();
        builder.Services.AddSingleton<HealthProbe>();
        builder.Services.AddSingleton<HealthEndpoints>();
        builder.Services.AddSingleton(new GatewayRoutes(EtcdServices.All));
        builder.Services.AddSingleton(new Passwords(options.BcryptCost));
        builder.Services.AddSingleton<Callers>();
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

    private static WebApplication Assemble(WebApplicationBuilder builder)
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
        app.UseRouting();
        app.MapEtcdServices(options);
        return app;
    }

    private static void ConfigureSilo(ISiloBuilder silo, ServerOptions options)
    {
        silo.AddGranaryGrains(new KeyRangeOptions
        {
            CompactionBatchLimit = options.CompactionBatchLimit,
            CompactionSleepInterval = options.CompactionSleepInterval,
            AutoCompaction = options.AutoCompaction,
            AnswerMemoryBytes = options.AnswerMemoryBytes,
        });
        silo.Services.AddSingleton<IMembershipTable, InProcessMembershipTable>();
        silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("granary", "granary"));

        // Nobody connects to a single silo: its address is but a name, at which nothing listens.
        silo.Configure<EndpointOptions>(endpoint =>
        {
            endpoint.AdvertisedIPAddress = IPAddress.Loopback;
            endpoint.SiloPort = 1;
            endpoint.GatewayPort = 0;
        });
        NoSiloPort.Use(silo.Services);

        // Calls last as long as their client waits: compactions and long scans take their time.
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = TimeSpan.FromMinutes(10);
            messaging.CancelRequestOnTimeout = true;
        });
        silo.Configure<GrainCollectionOptions>(collection => collection.CollectionAge = TimeSpan.FromDays(1));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "granary {Version}: engine {Engine}, data in {Place}, revision {Revision}, term {Term}")]
        public static partial void Started(ILogger logger, string version, Engine engine, string place, long revision, long term);

        [LoggerMessage(2, LogLevel.Information, "serving client requests on {Url}")]
        public static partial void Listening(ILogger logger, string url);

        [LoggerMessage(5, LogLevel.Warning, "{Url} is not secured by TLS, though there is a certificate: https:// would use it")]
        public static partial void Plain(ILogger logger, string url);

        [LoggerMessage(3, LogLevel.Information, "ready to serve client requests")]
        public static partial void Ready(ILogger logger);

        [LoggerMessage(4, LogLevel.Information, "stopped: all calls finished or ended, all data on disk")]
        public static partial void Stopped(ILogger logger);
    }
}
