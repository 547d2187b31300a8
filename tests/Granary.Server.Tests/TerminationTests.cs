using Granary.Testing;
using Xunit;

namespace Granary.Server.Tests;

/// <summary>Being told to stop at any time.</summary>
public sealed class TerminationTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Signals.Interrupt)]
    [InlineData(Signals.Terminate)]
    public async Task A_server_that_is_told_to_stop_before_it_serves_ends_in_good_order(int signal)
    {
        var directory = Directory.CreateTempSubdirectory("granary-test-");
        try
        {
            var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
            var data = Path.Combine(directory.FullName, "data");
            using var serve = Tool.StartGranary("serve", "--data-dir", data, "--listen-client-urls", address, "--advertise-client-urls", address);
            await Eventually.Holds("it has begun", () => Task.FromResult(serve.HasExited || Directory.Exists(data)), Generous, Stop);
            Signals.Send(serve, signal);
            var end = await Tool.End(serve, Stop);
            Assert.True(end.ExitCode == 0 && !end.All.Contains("Exception", StringComparison.Ordinal), $"{end}");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
