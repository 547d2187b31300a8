using System.Diagnostics;
using System.Net.Sockets;

namespace Granary.Testing;

/// <summary>One Redis as a child process, which flushes each write before it acknowledges it.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly string _program;
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-redis-").FullName;
    private Process? _process;

    private RedisServer(string program) => _program = program;

    public int Port { get; } = LoopbackPorts.Take();

    public static async Task<RedisServer> Start(CancellationToken cancellationToken)
    {
        var server = new RedisServer(await Repository.Tool("get-redis", cancellationToken));
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

    /// <summary>Starts it with what it has on disk, and waits until it takes connections.</summary>
    public async Task StartAgain(CancellationToken cancellationToken)
    {
        _process = Tool.Start(
            _program,
            ["--bind", "127.0.0.1", "--port", $"{Port}", "--dir", _directory, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Eventually.Holds("Redis takes connections", IsReady, Deadline, cancellationToken);
    }

    /// <summary>Ends it by SIGKILL.</summary>
    public async Task Kill(CancellationToken cancellationToken)
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync(cancellationToken);
            process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Kill(CancellationToken.None);
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> IsReady()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
