using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;

namespace Granary.Samples.Tests;

/// <summary>A sample as a user runs it: a process of its own, which is told where the server is.</summary>
internal sealed class Sample : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private Sample(Process process, Uri address)
    {
        _process = process;
        Http = new HttpClient { BaseAddress = address };
        process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Calls what it serves.</summary>
    public HttpClient Http { get; }

    /// <summary>What it has said so far.</summary>
    public IReadOnlyCollection<string> Lines => _lines;

    /// <param name="name">Which.</param>
    /// <param name="server">Its server.</param>
    /// <param name="arguments">What else it is told.</param>
    public static Sample Start(string name, Server server, params string[] arguments)
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        return Run(name, address, ["--granary", server.Address, "--urls", address, .. arguments]);
    }

    /// <param name="name">Which.</param>
    /// <param name="address">Where it serves.</param>
    /// <param name="arguments">All that it is told.</param>
    public static Sample Run(string name, string address, params string[] arguments)
    {
        var program = Path.Combine(Metadata("Samples"), name, Metadata("Output"), $"{name}.dll");
        return new Sample(Tool.Start("dotnet", [program, .. arguments]), new Uri(address));
    }

    /// <summary>What it answers at last: it may be starting yet.</summary>
    public async Task<string> Get(string path, CancellationToken cancellationToken)
    {
        string? answer = null;
        await Eventually.Holds(
            $"{path} is answered",
            async () =>
            {
                Assert.False(_process.HasExited, string.Join('\n', _lines));
                try
                {
                    answer = await Http.GetStringAsync(new Uri(path, UriKind.Relative), cancellationToken);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            SampleTest.Generous,
            cancellationToken);
        return answer!;
    }

    /// <summary>Ends it as an operator does; it ends by itself.</summary>
    public async Task Stop(CancellationToken cancellationToken)
    {
        Signals.Send(_process, Signals.Terminate);
        await _process.WaitForExitAsync(cancellationToken);
        Assert.True(_process.ExitCode == 0, string.Join('\n', _lines));
    }

    public async Task Kill(CancellationToken cancellationToken)
    {
        _process.Kill();
        await _process.WaitForExitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (!_process.HasExited)
        {
            await Kill(CancellationToken.None);
        }

        _process.Dispose();
    }

    private static string Metadata(string key) =>
        typeof(Sample).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(one => one.Key == key).Value!;
}
