using Granary.Server.Configuration;
using Granary.Server.Hosting;
using Granary.Storage.Stores.Rocks;

namespace Granary.Server;

/// <summary>
/// A server in a program of yours: the silo has your grains and services beside its own. Other servers that share its log can be programs of yours,
/// or plain ones, in one Orleans cluster.
/// </summary>
public sealed class GranaryHost : IAsyncDisposable
{
    private readonly GranaryServer _server;

    private GranaryHost(GranaryServer server) => _server = server;

    /// <summary>The services of the server and its silo, such as <c>IGrainFactory</c>.</summary>
    public IServiceProvider Services => _server.Services;

    /// <summary>
    /// Completes with the reason when the server can write no more, or when other servers that share its log have declared its silo dead: dispose of it then, and
    /// end the program, so that it is started anew. <see cref="RunAsync"/> does so by itself.
    /// </summary>
    public Task<string> Failed => _server.Failed;

    /// <summary>
    /// The command <c>granary</c> with your grains: it reads flags, environment and configuration file as that does, serves until the process is told to
    /// stop, and finishes what is in flight.
    /// </summary>
    /// <param name="args">What the program was called with.</param>
    /// <param name="configureSilo">Adds to the silo what is yours.</param>
    /// <returns>The exit code; what is wrong stands on standard error.</returns>
    public static Task<int> RunAsync(string[] args, Action<ISiloBuilder> configureSilo)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(configureSilo);
        if (ProcessLimits.Shortage() is { } shortage)
        {
            ProcessLimits.Say(shortage, args);
            return Task.FromResult(1);
        }

        NativeHeap.Share();
        return CommandLine.Run(args, configureSilo);
    }

    /// <summary>Starts a server; it serves when this returns, and until it is disposed.</summary>
    /// <param name="settings">The command's flags by name: <c>["data-dir"] = "/var/lib/app"</c>. Nothing is taken from the environment.</param>
    /// <param name="configureSilo">Adds to the silo what is yours.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidOperationException">A setting cannot be used, or the server cannot start with them; the message says what to do.</exception>
    public static async Task<GranaryHost> StartAsync(
        IReadOnlyDictionary<string, string> settings, Action<ISiloBuilder> configureSilo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(configureSilo);
        if (ProcessLimits.Shortage() is { } shortage)
        {
            throw new InvalidOperationException(shortage);
        }

        NativeHeap.Share();
        try
        {
            Settings.CheckNames(settings.Keys);
            var options = Settings.Read(settings, configFile: null, new Dictionary<string, string>(), static what => throw new SettingsException(what));
            return new GranaryHost(await GranaryServer.Start(options, cancellationToken, configureSilo));
        }
        catch (SettingsException exception)
        {
            throw new InvalidOperationException(exception.Message, exception);
        }
    }

    /// <summary>Stops accepting, finishes what is in flight for ten seconds at most, and closes the storage.</summary>
    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
