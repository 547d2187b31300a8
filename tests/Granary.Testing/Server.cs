using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Grpc.Net.Client;

namespace Granary.Testing;

/// <summary>
/// One etcd or Granary as a child process, on a loopback port and a data directory of its own. Both stay the same over restarts;
/// disposing ends the process and removes the directory.
/// </summary>
public sealed class Server : IAsyncDisposable
{
    public const string Name = "one";

    /// <summary>Among the flags of one that shares a log: its silo speaks TLS.</summary>
    public const string SecurePeers = "(secure peers)";

    private const string ReadyWords = "ready to serve client requests";
    private const int KeptLogLines = 20_000;

    // Of how many silos every Granary is whose engine the test does not name; each call goes to one of them by chance.
    private static readonly int Silos = int.TryParse(Environment.GetEnvironmentVariable("GRANARY_TEST_SILOS"), CultureInfo.InvariantCulture, out var silos) ? silos : 1;

    // Where each of them has its log, in a schema of its own: the same tests for that engine. Several silos have a database of this run if none is named.
    private static readonly Lazy<Task<string?>> Postgres = new(async () =>
        Environment.GetEnvironmentVariable("GRANARY_TEST_POSTGRES") is { Length: > 0 } named ? named
        : Silos > 1 ? (await PostgresServer.StartForThisProcess()).ConnectionString()
        : null);

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopDeadline = TimeSpan.FromSeconds(30);

    private static readonly ConcurrentDictionary<Process, byte> Running = new();

    private readonly string _home = Directory.CreateTempSubdirectory("granary-test-").FullName;
    private readonly string[] _flags;
    private readonly int _port = LoopbackPorts.Take();
    private readonly int _peerPort = LoopbackPorts.Take();
    private readonly ConcurrentQueue<string> _log = new();
    private readonly List<Server> _companions = [];
    private readonly Server? _first;
    private Process? _process;

    static Server() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var process in Running.Keys)
        {
            process.Kill();
        }
    };

    private Server(Product product, string[] flags, Server? first = null)
    {
        _first = first;
        Product = product;
        _flags = flags;
        Channel = Channels.To(Address);
    }

    public Product Product { get; }

    public string Endpoint => $"127.0.0.1:{_port}";

    public string Address => $"http://{Endpoint}";

    /// <summary>Where it listens for other members.</summary>
    public string PeerAddress => $"{(_flags.Contains(SecurePeers) ? "https" : "http")}://127.0.0.1:{_peerPort}";

    /// <summary>Its name among those that share a log with it.</summary>
    public string MemberName => $"{Name}-{_port}";

    /// <summary>The directory of this server alone, in which its data directory is.</summary>
    public string Home => _home;

    public string DataDirectory => Path.Combine(_home, "data");

    /// <summary>Variables that its process gets beside those of this one.</summary>
    public IDictionary<string, string> Variables { get; } = new Dictionary<string, string>();

    public GrpcChannel Channel { get; private set; }

    public string Log => string.Join('\n', _log);

    /// <exception cref="InvalidOperationException">It does not run.</exception>
    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server does not run.");

    public bool IsRunning => _process is { HasExited: false };

    public static async Task<Server> Start(Product product, CancellationToken cancellationToken, params string[] flags)
    {
        var server = new Server(product, flags);
        try
        {
            await server.StartAgain(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A server that does not run yet, so that something can be put into its data directory before <see cref="StartAgain"/>.</summary>
    public static Server NotStarted(Product product, params string[] flags) => new(product, flags);

    /// <summary>
    /// Starts the stopped or killed process again, same port, same data; returns when it is ready. There is a new channel then: the
    /// old one would wait a while before it connects again.
    /// </summary>
    /// <exception cref="InvalidOperationException">It ended before it was ready; the message has its log.</exception>
    public async Task StartAgain(CancellationToken cancellationToken)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = await Spawn(line =>
        {
            if (line.Contains(ReadyWords, StringComparison.Ordinal))
            {
                ready.TrySetResult();
            }
        });

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(StartDeadline);
        var exited = process.WaitForExitAsync(deadline.Token);
        if (await Task.WhenAny(ready.Task, exited) != ready.Task)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var end = process.HasExited ? $"ended with {process.ExitCode}" : $"was not ready within {StartDeadline.TotalSeconds} s";
            await Kill(CancellationToken.None);
            throw new InvalidOperationException($"{Product} {end}. Its log:\n{Log}");
        }

        Channel.Dispose();
        Channel = Channels.ToAny([Address, .. await StartCompanions(cancellationToken)]);
    }

    /// <summary>Starts the process expecting that it refuses: returns its exit code and what it said.</summary>
    public async Task<(int ExitCode, string Said)> StartExpectingRefusal(CancellationToken cancellationToken)
    {
        var said = new ConcurrentQueue<string>();
        var process = await Spawn(said.Enqueue);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(StartDeadline);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{Product} still runs after {StartDeadline.TotalSeconds} s instead of refusing to start. Its log:\n{Log}");
        }

        var exitCode = process.ExitCode;
        Forget(process);
        return (exitCode, string.Join('\n', said));
    }

    /// <summary>SIGKILL, and waits until the process is gone. What was sent before stays; nothing after.</summary>
    public async Task Kill(CancellationToken cancellationToken)
    {
        if (_process is not { } process)
        {
            return;
        }

        process.Kill();
        await process.WaitForExitAsync(cancellationToken);
        Forget(process);
    }

    /// <summary>SIGTERM, and waits until the process is gone; returns its exit code.</summary>
    public Task<int> Stop(CancellationToken cancellationToken)
    {
        Signals.Send(_process ?? throw new InvalidOperationException("The server does not run."), Signals.Terminate);
        return Ended("SIGTERM", cancellationToken);
    }

    /// <summary>Waits until the process is gone; returns its exit code.</summary>
    /// <param name="cause">Why it is to end, for the message of the <see cref="TimeoutException"/> if it does not.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<int> Ended(string cause, CancellationToken cancellationToken)
    {
        var process = _process ?? throw new InvalidOperationException("The server does not run.");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(StopDeadline);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{Product} still runs {StopDeadline.TotalSeconds} s after {cause}. Its log:\n{Log}");
        }

        var exitCode = process.ExitCode;
        Forget(process);
        return exitCode;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var companion in _companions)
        {
            await companion.DisposeAsync();
        }

        Channel.Dispose();
        await Kill(CancellationToken.None);
        Directory.Delete(_home, recursive: true);
    }

    // Of the database of all tests, if it keeps its log there.
    private Task<string?> Database =>
        Product == Product.Granary && !_flags.Any(static flag => flag.StartsWith("--engine", StringComparison.Ordinal)) ? Postgres.Value : Task.FromResult<string?>(null);

    private string Schema => Path.GetFileName((_first ?? this)._home).ToLowerInvariant().Replace('-', '_');

    private async Task<IEnumerable<string>> StartCompanions(CancellationToken cancellationToken)
    {
        if (await Database is null || _first is not null || _flags.Contains("--listen-client-urls"))
        {
            return [];
        }

        while (_companions.Count < Silos - 1)
        {
            var companion = new Server(Product, _flags, first: this);
            _companions.Add(companion);
            await companion.StartAgain(cancellationToken);
        }

        return _companions.Select(static companion => companion.Address);
    }

    private async Task<Process> Spawn(Action<string> onLine)
    {
        if (_process is not null)
        {
            throw new InvalidOperationException("The server runs already.");
        }

        var process = new Process { StartInfo = StartInfo(await Database) };
        void Keep(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is not { } text)
            {
                return;
            }

            _log.Enqueue(text);
            if (_log.Count > KeptLogLines)
            {
                _log.TryDequeue(out _);
            }

            onLine(text);
        }

        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        Running.TryAdd(process, 0);
        _process = process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private ProcessStartInfo StartInfo(string? database)
    {
        var start = new ProcessStartInfo
        {
            WorkingDirectory = _home,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ETCD", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in Variables)
        {
            start.Environment[name] = value;
        }

        var arguments = start.ArgumentList;
        if (Product == Product.Granary)
        {
            start.FileName = Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet";
            arguments.Add(GranaryAssembly());
            arguments.Add("serve");
        }
        else
        {
            start.FileName = EtcdBinaries.Etcd;
            arguments.Add("--listen-peer-urls");
            arguments.Add($"http://127.0.0.1:{_peerPort}");
            arguments.Add("--initial-advertise-peer-urls");
            arguments.Add($"http://127.0.0.1:{_peerPort}");
            arguments.Add("--initial-cluster");
            arguments.Add($"{Name}=http://127.0.0.1:{_peerPort}");
        }

        // Who says where to listen has to say how to get there as well: the channel is for the address of our choice.
        string[] listen = _flags.Contains("--listen-client-urls") ? [] : ["--listen-client-urls", Address, "--advertise-client-urls", Address];
        var isShared = _flags.Contains("--engine=postgres");
        string[] engine = database is not null
            ? ["--listen-peer-urls", PeerAddress, "--engine=postgres", $"--postgres={database}", $"--postgres-schema={Schema}"]
            : isShared && !_flags.Any(static flag => flag.StartsWith("--listen-peer-urls", StringComparison.Ordinal)) ? ["--listen-peer-urls", PeerAddress]
            : [];
        foreach (var argument in (string[])["--name", isShared || _first is not null ? MemberName : Name, "--data-dir", DataDirectory, .. listen, .. engine, .. _flags.Where(static flag => flag != SecurePeers)])
        {
            arguments.Add(argument);
        }

        return start;
    }

    /// <summary>The granary.dll that is under test.</summary>
    public static string GranaryAssembly()
    {
        var path = Environment.GetEnvironmentVariable("GRANARY_SERVER") is { Length: > 0 } named
            ? named
            : typeof(Server).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "GranaryServer").Value!;
        return File.Exists(path) ? path : throw new InvalidOperationException($"Granary is not built: {path} is missing.");
    }

    private void Forget(Process process)
    {
        Running.TryRemove(process, out _);
        process.Dispose();
        _process = null;
    }
}
