using System.Net.Sockets;
using Granary.Grains.Hosting;
using Granary.Grains.Identity;
using Granary.Log.Engines.Postgres;
using Granary.Server.Audit;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Identity;
using Granary.Server.Membership;
using Granary.Server.Tls;
using Microsoft.AspNetCore.Connections;
using Orleans.Configuration;

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
    private bool _isDisposed;

    private GranaryServer(ILoggerFactory loggers, Storage storage, WebApplication app)
    {
        _loggers = loggers;
        _storage = storage;
        _app = app;
        Failed = WhenFailed(app.Services.GetRequiredService<SiloFailure>());
    }

    public IServiceProvider Services => _app.Services;

    /// <summary>Completes with the reason when it can write no more, or when others have declared its silo dead.</summary>
    public Task<string> Failed { get; }

    // So long a server that can write no more says so to those who ask for its health, before it ends.
    private static readonly TimeSpan FailureNotice = TimeSpan.FromSeconds(2);

    /// <summary>Runs until the process is told to stop, and finishes what is in flight.</summary>
    /// <exception cref="SettingsException">The server cannot start.</exception>
    /// <exception cref="ServerFailedException">It could write no more, and has stopped.</exception>
    public static async Task Run(ServerOptions options, CancellationToken cancellationToken, Action<ISiloBuilder>? configureSilo = null)
    {
        await using var server = await Start(options, cancellationToken, configureSilo);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, server._app.Lifetime.ApplicationStopping);
        await ((Task)server.Failed).WaitAsync(stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (server.Failed.IsCompleted)
        {
            await Task.Delay(FailureNotice, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new ServerFailedException(await server.Failed);
        }
    }

    /// <summary>Starts a server; it serves when this returns, and until it is disposed.</summary>
    /// <param name="options">What it is like.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="configureSilo">Adds what others have in this process.</param>
    /// <exception cref="SettingsException">The server cannot start.</exception>
    public static async Task<GranaryServer> Start(ServerOptions options, CancellationToken cancellationToken, Action<ISiloBuilder>? configureSilo = null)
    {
        if (options.Engine == Engine.Postgres)
        {
            PeerEndpoint.Of(options).MustBeFree();
        }

        var loggers = LoggerFactory.Create(logging => LogOutput.Configure(logging, options.LogLevel, options.LogFormat));
        var opening = Task.Run(() => OpenStorage(options, loggers, cancellationToken), cancellationToken);
        WebApplicationBuilder builder;
        Storage storage;
        try
        {
            // The two take about as long and use different parts of the machine.
            builder = WebComposition.Prepare(options);
            storage = await opening;
        }
        catch
        {
            loggers.Dispose();
            throw;
        }

        builder.Services.AddGranaryStorage(storage.Replica, storage.Log);
        builder.Services.AddSingleton(storage.TemporarySpace);
        WebApplication app;
        try
        {
            if (options.AuditLog is { } audit)
            {
                builder.Services.AddSingleton(new AuditLog(audit, TimeProvider.System));
            }

            var simple = new SimpleTokens(options.AuthTokenTtl, TimeProvider.System);
            builder.Services.AddSingleton<ITokens>(options.Jwt is { } jwt ? new JwtTokens(jwt, TimeProvider.System) : simple);
            builder.Services.AddSingleton<ISessions>(simple);
            if (UsesTls(options))
            {
                builder.Services.AddSingleton(Secured(options.Tls.HasCertificate ? options.Tls : MadeByItself(options), loggers));
            }

            if (storage.Database is { } database)
            {
                builder.Services.AddSingleton(database);
                if (options.ListenPeerUrls[0].IsSecure)
                {
                    new PeerTls(options, database, loggers.CreateLogger<PeerTls>(), cancellationToken).Secure(builder.Services);
                }

                var name = PostgresStart.ClusterName(database, loggers.CreateLogger<SharedLog>(), cancellationToken);
                builder.Services.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (name, "granary"));
            }

            if (configureSilo is not null)
            {
                // Last, so that services of others find everything at work when they start.
                builder.UseOrleans(configureSilo);
            }

            app = WebComposition.Assemble(builder);
        }
        catch
        {
            storage.Dispose();
            loggers.Dispose();
            throw;
        }

        var server = new GranaryServer(loggers, storage, app);
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
        Log.Started(logger, ProductVersion.Granary, options.Engine, storage.Place, storage.Replica.State.Revision, storage.Replica.State.Term);
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
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        using var tooLate = new CancellationTokenSource(ShutdownTimeout);
        try
        {
            await Services.GetRequiredService<LastingCalls>().EndAll();
            await _app.StopAsync(tooLate.Token);
        }
        finally
        {
            // Whatever a service of the program's has thrown.
            await _app.DisposeAsync();
            var failed = _storage.Log.Failure is not null;
            _storage.Dispose();
            if (_hasStarted && !failed)
            {
                Log.Stopped(_loggers.CreateLogger("Granary"));
            }

            _loggers.Dispose();
        }
    }

    private async Task<string> WhenFailed(SiloFailure silo)
    {
        await Task.WhenAny(_storage.Log.Failed, silo.Failed);
        return _storage.Log.Failure ?? await silo.Failed;
    }

    private static bool UsesTls(ServerOptions options) => options.AllListenUrls.Any(static url => url.IsSecure);

    private static ServerTls Secured(TlsOptions options, ILoggerFactory loggers) => new(options, TimeProvider.System, loggers.CreateLogger<ServerTls>());

    /// <summary>How connections are secured with a certificate that the server has made itself, in the data directory that is open by now.</summary>
    private static TlsOptions MadeByItself(ServerOptions options) =>
        options.Engine == Engine.Memory ? throw new SettingsException(
            "--auto-tls keeps its certificate in the data directory, which --engine=memory does not have: name one by --cert-file and --key-file")
        : AutoCertificate.Use(options.Tls, DataDirectory.CertificatesIn(options.EffectiveDataDirectory), options.AllListenUrls);

    private static async Task<Storage> OpenStorage(
        ServerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        try
        {
            return await Storage.Open(options, loggers, cancellationToken);
        }
        catch (Exception exception) when (exception is not (SettingsException or OperationCanceledException))
        {
            throw new SettingsException(exception.Message);
        }
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
