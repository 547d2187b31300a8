using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Granary.Testing;

/// <summary>One PostgreSQL as a child process, on a loopback port and a data directory of its own. It refuses to run as root, and so runs as nobody then.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly string _home;
    private Process? _process;

    private PostgresServer(string folder, string home)
    {
        _folder = folder;
        _home = home;
    }

    public int Port { get; } = LoopbackPorts.Take();

    private string DataDirectory => Path.Combine(_home, "data");

    /// <summary>How to reach it, at its own port or by way of another.</summary>
    public string ConnectionString(int? port = null) => $"Host=127.0.0.1;Port={port ?? Port};Username=granary;Database=postgres";

    public static Task<PostgresServer> Start(CancellationToken cancellationToken) => Make(
        async made =>
        {
            await made.Require("initdb", ["-D", made.DataDirectory, "-U", "granary", "-A", "trust", "--no-instructions", "-E", "UTF8", "--locale", "C"], cancellationToken);
            await made.StartAgain(cancellationToken);
        },
        cancellationToken);

    /// <summary>Starts one that lasts as long as this process.</summary>
    public static async Task<PostgresServer> StartForThisProcess()
    {
        var server = await Start(CancellationToken.None);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.DisposeAsync().AsTask().Wait(Deadline);
        return server;
    }

    /// <summary>
    /// Starts another that has all of this one and follows it. From then on this one acknowledges nothing that the other has not on its disk.
    /// This one is away for a moment.
    /// </summary>
    public async Task<PostgresServer> StartSynchronousStandby(CancellationToken cancellationToken)
    {
        // PostgreSQL's own program for a copy of one that runs is not there wherever its server is.
        await Kill(cancellationToken);
        var standby = await Make(
            async made =>
            {
                await made.Require("cp", ["-R", DataDirectory, made.DataDirectory], cancellationToken);
                await made.Require("touch", [Path.Combine(made.DataDirectory, "standby.signal")], cancellationToken);
                await StartAgain(cancellationToken);
                await made.StartAgain(cancellationToken, "-c", $"primary_conninfo=host=127.0.0.1 port={Port} user=granary");
            },
            cancellationToken);
        await Execute("ALTER SYSTEM SET synchronous_standby_names = '*'", cancellationToken);
        await Execute("SELECT pg_reload_conf()", cancellationToken);
        await Eventually.Holds(
            "the standby is synchronous",
            async () => await Execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'", cancellationToken) is 1L,
            Deadline,
            cancellationToken);
        return standby;
    }

    /// <summary>Makes a standby the primary.</summary>
    public async Task Promote(CancellationToken cancellationToken)
    {
        if (await Execute("SELECT pg_promote()", cancellationToken) is not true)
        {
            throw new InvalidOperationException("PostgreSQL was not promoted.");
        }
    }

    /// <summary>Starts it, and waits until it takes statements.</summary>
    public async Task StartAgain(CancellationToken cancellationToken, params string[] settings)
    {
        _process = Run("postgres", ["-D", DataDirectory, "-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-k", "", .. settings]);
        _process.OutputDataReceived += static (_, _) => { };
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Eventually.Holds(
            "PostgreSQL takes statements",
            async () =>
            {
                try
                {
                    await Execute("SELECT 1", cancellationToken);
                    return true;
                }
                catch (NpgsqlException) when (!_process.HasExited)
                {
                    return false;
                }
            },
            Deadline,
            cancellationToken);
    }

    /// <summary>Ends it at once, all its processes, without anything being written any more (SIGQUIT is what PostgreSQL takes for that).</summary>
    public async Task Kill(CancellationToken cancellationToken)
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                Signals.Send(process, Signals.Quit);
            }

            await process.WaitForExitAsync(cancellationToken);
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>Whether a process leads by what is written here; false when it does not run.</summary>
    public async Task<bool> IsLedBy(Server server, CancellationToken cancellationToken) =>
        server.IsRunning
        && ((string?)await Execute("SELECT holder FROM granary.leadership", cancellationToken))
            ?.Contains(string.Create(CultureInfo.InvariantCulture, $"process {server.ProcessId})"), StringComparison.Ordinal) is true;

    /// <summary>Runs a statement; returns its first value.</summary>
    public async Task<object?> Execute(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionString() + ";Pooling=false;Timeout=5");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>Makes the tables that Orleans' ADO.NET providers need.</summary>
    public async Task MakeAdoNetTables(CancellationToken cancellationToken)
    {
        using var script = new StreamReader(typeof(PostgresServer).Assembly.GetManifestResourceStream("AdoNetTables.sql")!);
        await Execute(await script.ReadToEndAsync(cancellationToken), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Kill(CancellationToken.None);
        Directory.Delete(_home, recursive: true);
    }

    private static async Task<PostgresServer> Make(Func<PostgresServer, Task> starting, CancellationToken cancellationToken)
    {
        var server = new PostgresServer(await Repository.Tool("get-postgres", cancellationToken), Directory.CreateTempSubdirectory("granary-postgres-").FullName);
        try
        {
            if (Environment.IsPrivilegedProcess)
            {
                Require(await Tool.End(Tool.Start("chown", ["nobody", server._home]), cancellationToken));
            }

            await starting(server);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private async Task Require(string program, string[] arguments, CancellationToken cancellationToken) =>
        Require(await Tool.End(Run(program, arguments), cancellationToken));

    private Process Run(string program, string[] arguments)
    {
        var path = Path.Combine(_folder, program) is var own && File.Exists(own) ? own : program;
        return Environment.IsPrivilegedProcess
            ? LastingThread.Run(() => Tool.Start("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig", "KILL", path, .. arguments]))
            : Tool.Start(path, arguments);
    }

    private static void Require(Tool run)
    {
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException($"PostgreSQL cannot be set up: {run.All}");
        }
    }
}
