using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Granary.Testing;

namespace Granary.Server.Tests;

/// <summary>With a log in JSON, whatever a server says on standard error is JSON, from its first line to its last, in whichever way it ends.</summary>
public sealed class JsonOutputTests : IDisposable
{
    private const int Aborted = 128 + 6;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-json-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("--log-format=json --no-such-flag=1", 2, "no-such-flag")]
    [InlineData("serve --no-such-flag --log-format json", 2, "no-such-flag")]
    [InlineData("-log-format=json --max-txn-ops=many", 1, "--max-txn-ops: \"many\" is not a positive number")]
    [InlineData("--log-format json --initial-cluster-state existing", 1, "asks to join a cluster")]
    [InlineData("--log-format json --config-file /nowhere/granary.yml", 1, "cannot read the configuration file /nowhere/granary.yml")]
    public async Task A_bad_flag_is_told_of_in_JSON(string flags, int exitCode, string words)
    {
        var run = await Tool.End(Tool.StartGranary(flags.Split(' ')), Stop);
        Assert.Equal(exitCode, run.ExitCode);
        AssertSaid("Critical", words, run);
    }

    [Theory]
    [InlineData("log-format: json\nmax-txn-ops: many", "max-txn-ops: \"many\"")]
    [InlineData("log-format: json\nno-such-setting: 1", "there is no setting")]
    public async Task A_bad_setting_in_a_file_that_asks_for_JSON_is_told_of_in_JSON(string yaml, string words)
    {
        var file = Path.Combine(_directory, "granary.yml");
        await File.WriteAllTextAsync(file, yaml, Stop);
        AssertSaid("Critical", words, await Tool.End(Tool.StartGranary([("ETCD_CONFIG_FILE", file)], []), Stop));
    }

    [Theory]
    [InlineData("--log-format=xml", "--log-format: \"xml\" is neither text nor json")]
    [InlineData("--config-file=granary.yml", "cannot read the configuration file")]
    public async Task Who_does_not_ask_for_JSON_gets_a_line_for_people(string flag, string words)
    {
        var run = await Tool.End(Tool.StartGranary(flag), Stop);
        Assert.StartsWith("granary: ", run.Error, StringComparison.Ordinal);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_starts_warns_serves_and_stops_says_so_in_JSON()
    {
        using var server = Tool.StartGranary([("ETCD_LOG_FORMAT", "json"), ("ETCD_NONSENSE", "1")], Flags("--snapshot-count=5"));
        var said = await UntilReady(server);
        Signals.Send(server, Signals.Terminate);
        var run = await Tool.End(server, Stop);
        run = run with { Error = said + run.Error };
        Assert.Equal(0, run.ExitCode);
        AssertSaid("Warning", "--snapshot-count has no meaning here", run);
        AssertSaid("Warning", "ETCD_NONSENSE has no meaning here", run);
        AssertSaid("Information", "ready to serve client requests", run);
        AssertSaid("Information", "stopped: ", run);
    }

    [Fact]
    public async Task A_server_that_cannot_start_says_so_in_JSON()
    {
        using var occupant = new TcpListener(IPAddress.Loopback, 0);
        occupant.Start();
        var url = $"http://{occupant.LocalEndpoint}";
        var run = await Tool.End(
            Tool.StartGranary("--engine=memory", "--log-format=json", "--listen-client-urls", url, "--advertise-client-urls", url), Stop);
        Assert.Equal(1, run.ExitCode);
        AssertSaid("Critical", $"cannot listen on {url}", run);

        await File.WriteAllTextAsync(Path.Combine(_directory, "stranger"), "", Stop);
        AssertSaid("Critical", "stranger in it is of something else", await Tool.End(Tool.StartGranary("--log-format=json", "--data-dir", _directory), Stop));
    }

    [Theory]
    [InlineData("json")]
    [InlineData("text")]
    public async Task A_server_that_crashes_says_why_in_the_form_of_its_log_and_ends_as_any_that_crashes(string format)
    {
        var file = Path.Combine(_directory, "crash");
        using var server = Tool.StartGranary(Crash.At(file), Flags($"--log-format={format}"));
        var said = await UntilReady(server);
        await File.WriteAllTextAsync(file, "", Stop);
        var run = await Tool.End(server, Stop);
        Assert.Equal(Aborted, run.ExitCode);
        if (format == "text")
        {
            Assert.Contains($"Unhandled exception. System.InvalidOperationException: {Crash.Message}", run.Error, StringComparison.Ordinal);
            return;
        }

        var crash = AssertSaid("Critical", "crashed", run with { Error = said + run.Error });
        Assert.Contains($"InvalidOperationException: {Crash.Message}", crash.GetProperty("Exception").GetString(), StringComparison.Ordinal);
    }

    private static string[] Flags(params string[] more)
    {
        var url = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        return ["serve", "--engine=memory", "--listen-client-urls", url, "--advertise-client-urls", url, .. more];
    }

    /// <summary>What it says until it serves.</summary>
    private static async Task<string> UntilReady(Process server)
    {
        var said = "";
        while (!said.Contains("ready to serve client requests", StringComparison.Ordinal))
        {
            said += await server.StandardError.ReadLineAsync(Stop) is { } line ? line + '\n' : throw new InvalidOperationException($"It has ended:\n{said}");
        }

        return said;
    }

    /// <summary>Everything is JSON, of the log's shape, and one line of it is this; standard output is empty.</summary>
    private static JsonElement AssertSaid(string level, string words, Tool run)
    {
        Assert.Empty(run.Output);
        var lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        Assert.All(lines, line => Assert.True(line.GetProperty("Timestamp").GetDateTime() > DateTime.UnixEpoch && line.GetProperty("Category").GetString()!.Length > 0));
        return Assert.Single(
            lines,
            line => line.GetProperty("LogLevel").GetString() == level && line.GetProperty("Message").GetString()!.Contains(words, StringComparison.Ordinal));
    }

    private static JsonElement Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw new InvalidOperationException($"This line is no JSON: {line}");
        }
    }
}
