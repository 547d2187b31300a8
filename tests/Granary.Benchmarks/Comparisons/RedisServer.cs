using System.Diagnostics;
using System.Net.Sockets;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>A Redis of its own, which flushes each write before it acknowledges it.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _directory;

    private RedisServer(Process process, string directory, int port) => (_process, _directory, Port) = (process, directory, port);

    public int Port { get; }

    public static async Task<RedisServer> Start(CancellationToken cancellationToken)
    {
        var program = await Repository.Tool("get-redis", cancellationToken);
        var directory = Directory.CreateTempSubdirectory("granary-redis-").FullName;
        var port = LoopbackPorts.Take();
        var process = Tool.Start(
            program,
            ["--bind", "127.0.0.1", "--port", $"{port}", "--dir", directory, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new RedisServer(process, directory, port);
        await Eventually.Holds("Redis takes connections", server.IsReady, TimeSpan.FromSeconds(30), cancellationToken);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
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
