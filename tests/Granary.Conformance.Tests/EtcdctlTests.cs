using System.Text.RegularExpressions;

namespace Granary.Conformance.Tests;

/// <summary>etcdctl as a person uses it, on both, and the same on the screen.</summary>
public sealed partial class EtcdctlTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Put_get_del_txn_and_compaction_print_the_same()
    {
        await SameOutput("put", "a", "1");
        await SameOutput("put", "a", "2", "--prev-kv");
        await SameOutput("put", "b", "");
        await SameOutput("put", "gone", "--ignore-value");
        await SameOutput("get", "a");
        await SameOutput("get", "a", "--print-value-only");
        await SameOutput("get", "", "--prefix", "--keys-only", "--sort-by=MODIFY", "--order=DESCEND");
        await SameOutput("get", "a", "c", "-w", "fields");
        await SameOutput("get", "a", "--from-key", "--limit=1", "-w", "json");
        await SameOutput("get", "", "--prefix", "--count-only", "-w", "fields");
        await SameOutput("get", "a", $"--rev={Start + 1}");
        await SameOutput("get", "a", $"--rev={Start + 100}");
        await SameOutputFor("version(\"a\") = \"2\"\n\nput a 3\nget a\ndel b\n\nput never 1\n\n", "txn");
        await SameOutputFor("value(\"a\") = \"no\"\n\nput a 4\n\nget a\n\n", "txn");
        await SameOutput("del", "a", "--prev-kv");
        await SameOutput("del", "", "--prefix");
        await SameOutput("compaction", $"{Start + 2}");
        await SameOutput("compaction", $"{Start + 2}");
        await SameOutput("compaction", $"{Start + 3}", "--physical");
        await SameOutput("compaction", $"{Start + 300}");
        await SameOutput("get", "a", $"--rev={Start + 1}");
    }

    [Fact]
    public async Task Endpoint_health_status_and_the_list_of_members_are_understood()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            Assert.Contains("is healthy", await Output(server, "", "endpoint", "health"), StringComparison.Ordinal);
            Assert.Contains(server.Endpoint, await Output(server, "", "endpoint", "status", "-w", "table"), StringComparison.Ordinal);
            Assert.Contains($"started, {Server.Name}", await Output(server, "", "member", "list"), StringComparison.Ordinal);
        }
    }

    private Task SameOutput(params string[] arguments) => SameOutputFor("", arguments);

    private async Task SameOutputFor(string input, params string[] arguments)
    {
        var etcd = Output(Pair.Etcd, input, arguments);
        var subject = Output(Pair.Subject, input, arguments);
        Assert.Equal($"{string.Join(' ', arguments)}\n{Mapped(await etcd)}", $"{string.Join(' ', arguments)}\n{Mapped(await subject)}");
    }

    // Ids and terms differ; so do the addresses and times of etcdctl's own warnings, which come before its error.
    private static string Mapped(string output) =>
        string.Join('\n', WithoutIds(output).Split('\n').Where(line => !line.StartsWith("{\"level\"", StringComparison.Ordinal)));

    internal static string WithoutIds(string output) => Ids().Replace(output, "$1 0");

    private static async Task<string> Output(Server server, string input, params string[] arguments)
    {
        var run = await Tool.End(Tool.StartEtcdctl(server, arguments), Cancellation, input);
        return $"{run.All}exit code {run.ExitCode}";
    }

    [GeneratedRegex(@"(""?(?:ClusterID|MemberID|RaftTerm|cluster_id|member_id|raft_term)""? ?:) ?\d+")]
    private static partial Regex Ids();
}
