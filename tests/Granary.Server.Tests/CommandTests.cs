using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Server.Tests;

/// <summary>The granary command as a person meets it: one clear line for every mistake, an exit code, an orderly end.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-command-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Data => Path.Combine(_directory, "data");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Version_says_in_its_first_line_which_etcd_it_stands_in_for()
    {
        var (exitCode, output) = await Run(["--version"]);
        Assert.Equal(0, exitCode);
        Assert.Matches(@"^etcd Version: 3\.6\.\d+\n", output);
    }

    [Fact]
    public async Task Help_names_the_flags_and_their_environment_variables()
    {
        var (exitCode, output) = await Run(["serve", "--help"]);
        Assert.Equal(0, exitCode);
        Assert.Contains("--data-dir", output, StringComparison.Ordinal);
        Assert.Contains("ETCD_DATA_DIR", string.Concat(output.Where(c => !char.IsWhiteSpace(c))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--no-such-flag=1", 2, "no-such-flag")]
    [InlineData("--max-txn-ops=many", 1, "--max-txn-ops: \"many\" is not a positive number")]
    [InlineData("--engine=paper", 1, "--engine: \"paper\" is none of embedded, postgres, memory")]
    [InlineData("--compaction-sleep-interval=10", 1, "--compaction-sleep-interval: \"10\" is not a duration")]
    [InlineData("--config-file=/nowhere/granary.yml", 1, "cannot read the configuration file /nowhere/granary.yml")]
    public async Task A_bad_flag_ends_it_with_a_line_that_names_it(string flag, int exitCode, string line)
    {
        var (actual, output) = await Run([flag]);
        Assert.Equal(exitCode, actual);
        Assert.Contains(line, output.Split('\n')[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--initial-cluster", "one=http://127.0.0.1:2380,two=http://127.0.0.1:2381", "names 2 members")]
    [InlineData("--force-new-cluster", "--pre-vote", "restore a snapshot")]
    public async Task Flags_that_ask_for_another_system_end_it_before_anything_is_made(string flag, string next, string reason)
    {
        var (exitCode, output) = await Run(["--data-dir", Data, flag, next]);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, Assert.Single(output.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    [Theory]
    [InlineData("https://127.0.0.1:2379", "without a certificate")]
    [InlineData("http://example.com:2379", "IP address or localhost")]
    [InlineData("http://127.0.0.1", "has no port")]
    [InlineData("2379", "http://ADDRESS:PORT")]
    public async Task A_url_that_cannot_be_listened_at_is_named(string url, string reason)
    {
        var (exitCode, output) = await Run(["--listen-client-urls", url, "--advertise-client-urls", "http://127.0.0.1:1"]);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Listening_somewhere_needs_an_advertised_url()
    {
        var (exitCode, output) = await Run(["--listen-client-urls", "http://127.0.0.1:2379"]);
        Assert.Equal(1, exitCode);
        Assert.Contains("--advertise-client-urls is required when --listen-client-urls is set explicitly", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flag_and_its_environment_variable_together_are_an_error()
    {
        var (exitCode, output) = await Run(["--max-txn-ops=7"], ("ETCD_MAX_TXN_OPS", "8"));
        Assert.Equal(1, exitCode);
        Assert.Contains("conflicting environment variable ETCD_MAX_TXN_OPS is shadowed by --max-txn-ops", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unusable_data_directory_is_named()
    {
        var file = Path.Combine(_directory, "file");
        await File.WriteAllTextAsync(file, "", Stop);
        var (exitCode, output) = await Run(["--data-dir", Path.Combine(file, "data")]);
        Assert.Equal(1, exitCode);
        Assert.Contains(file, Assert.Single(output.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_occupied_port_is_named()
    {
        using var occupant = new TcpListener(IPAddress.Loopback, 0);
        occupant.Start();
        var url = $"http://{occupant.LocalEndpoint}";
        var (exitCode, output) = await Run(["--engine=memory", "--listen-client-urls", url, "--advertise-client-urls", url]);
        Assert.Equal(1, exitCode);
        Assert.Contains($"cannot listen on {url}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_process_on_a_data_directory_is_kept_out_and_the_first_one_goes_on()
    {
        await using var server = await Testing.Server.Start(Product.Granary, Stop);
        var (exitCode, output) = await Run(["--data-dir", server.DataDirectory]);
        Assert.Equal(1, exitCode);
        Assert.Contains("in use by another process", Assert.Single(output.Trim().Split('\n')), StringComparison.Ordinal);
        await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
    }

    [Fact]
    public async Task Settings_come_from_a_file_of_etcds_form_and_from_the_environment()
    {
        var port = LoopbackPorts.Take();
        var file = Path.Combine(_directory, "granary.yml");
        await File.WriteAllTextAsync(
            file,
            $"""
            name: from-file
            engine: memory
            listen-client-urls: http://127.0.0.1:{port}
            advertise-client-urls: http://127.0.0.1:{port}
            snapshot-count: 10000
            """,
            Stop);
        using var fromFile = Tool.StartGranary([("ETCD_CONFIG_FILE", file)], []);
        Assert.Equal("from-file", await MemberName(port, fromFile));
        await Terminate(fromFile);

        var other = LoopbackPorts.Take();
        using var fromEnvironment = Tool.StartGranary(
            [
                ("ETCD_NAME", "from-environment"),
                ("ETCD_LISTEN_CLIENT_URLS", $"http://127.0.0.1:{other}"),
                ("ETCD_ADVERTISE_CLIENT_URLS", $"http://127.0.0.1:{other}"),
            ],
            ["--engine=memory"]);
        Assert.Equal("from-environment", await MemberName(other, fromEnvironment));
        await Terminate(fromEnvironment);
    }

    [Fact]
    public async Task Sigterm_finishes_what_is_in_flight_and_leaves_nothing_to_replay()
    {
        var port = LoopbackPorts.Take();
        string[] flags = ["--data-dir", Data, "--listen-client-urls", $"http://127.0.0.1:{port}", "--advertise-client-urls", $"http://127.0.0.1:{port}"];
        using var first = Tool.StartGranary(flags);
        await MemberName(port, first);
        using var channel = Channels.To($"http://127.0.0.1:{port}");
        var kv = new KV.KVClient(channel);
        var acknowledged = 0;
        var writers = Enumerable.Range(0, 16).Select(async writer =>
        {
            for (var i = 0; ; i++)
            {
                try
                {
                    await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"{writer}/{i}") }, cancellationToken: Stop);
                    Interlocked.Increment(ref acknowledged);
                }
                catch (Grpc.Core.RpcException)
                {
                    return;
                }
            }
        }).ToList();
        await Eventually.Holds("some are acknowledged", () => Task.FromResult(Volatile.Read(ref acknowledged) > 500), TimeSpan.FromSeconds(60), Stop);
        await Terminate(first);
        await Task.WhenAll(writers);

        using var second = Tool.StartGranary(flags);
        await MemberName(port, second);
        using var again = Channels.To($"http://127.0.0.1:{port}");
        var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0), CountOnly = true };
        var count = (await new KV.KVClient(again).RangeAsync(all, cancellationToken: Stop)).Count;
        Assert.InRange(count, acknowledged, acknowledged + 16);
        await Terminate(second);
    }

    [Fact]
    public async Task Garbage_on_the_client_port_disturbs_nobody()
    {
        await using var server = await Testing.Server.Start(Product.Granary, Stop);
        var kv = new KV.KVClient(server.Channel);
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();
        for (var i = 0; i < 50; i++)
        {
            var garbage = new byte[random.Next(1, 4000)];
            random.NextBytes(garbage);
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, int.Parse(server.Endpoint.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture), Stop);
            try
            {
                await client.GetStream().WriteAsync(i % 2 == 0 ? garbage : [.. preface, .. garbage], Stop);
            }
            catch (IOException)
            {
                // The server has hung up already.
            }

            await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
        }

        Assert.DoesNotContain("Exception", server.Log, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> Run(string[] flags, params (string Name, string Value)[] environment)
    {
        var run = await Tool.End(Tool.StartGranary(environment, flags), Stop);
        return (run.ExitCode, run.All);
    }

    private static async Task<string> MemberName(int port, Process process)
    {
        using var channel = Channels.To($"http://127.0.0.1:{port}");
        var cluster = new Protos.Cluster.ClusterClient(channel);
        var name = "";
        await Eventually.Holds(
            "the server answers",
            async () =>
            {
                Assert.False(process.HasExited, "the server has ended");
                try
                {
                    name = (await cluster.MemberListAsync(new MemberListRequest(), cancellationToken: Stop)).Members[0].Name;
                    return true;
                }
                catch (Grpc.Core.RpcException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(60),
            Stop);
        return name;
    }

    private static async Task Terminate(Process process)
    {
        Signals.Send(process, Signals.Terminate);
        await process.WaitForExitAsync(Stop);
        Assert.Equal(0, process.ExitCode);
    }
}
