using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Granary.Conformance.Tests;

/// <summary>What scripts and dashboards read of etcd and of ours besides the data: debug variables and metrics.</summary>
public sealed partial class MonitoringTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly HttpClient Http = new();

    [Fact]
    public async Task The_debug_variables_are_those_of_etcd_under_its_names()
    {
        await Same(Requests.Put("foo"));
        var etcd = await Variables(Pair.Etcd);
        var subject = await Variables(Pair.Subject);
        Assert.Equal(Names(etcd), Names(subject));
        var (log, theirs) = (subject.GetProperty("raft.status"), etcd.GetProperty("raft.status"));
        Assert.Equal(Names(theirs), Names(log));
        Assert.All(log.EnumerateObject(), variable => Assert.Equal(theirs.GetProperty(variable.Name).ValueKind, variable.Value.ValueKind));
        Assert.Equal(theirs.GetProperty("raftState").GetString(), log.GetProperty("raftState").GetString());
        var member = Assert.Single(log.GetProperty("progress").EnumerateObject());
        Assert.Equal(log.GetProperty("id").GetString(), member.Name);
        Assert.Equal(Names(Assert.Single(theirs.GetProperty("progress").EnumerateObject()).Value), Names(member.Value));
        Assert.True(log.GetProperty("applied").GetInt64() > 0);
        Assert.True(subject.GetProperty("file_descriptor_limit").GetInt64() > 0);
        Assert.Contains(subject.GetProperty("cmdline").EnumerateArray(), argument => argument.GetString() == "serve");
        Assert.All(
            subject.GetProperty("memstats").EnumerateObject(),
            variable => Assert.Equal(etcd.GetProperty("memstats").GetProperty(variable.Name).ValueKind, variable.Value.ValueKind));

        static async Task<JsonElement> Variables(Server server)
        {
            using var response = await Http.GetAsync(server.Address + "/debug/vars", Cancellation);
            Assert.Equal((HttpStatusCode.OK, "application/json; charset=utf-8"), (response.StatusCode, response.Content.Headers.ContentType?.ToString()));
            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancellation));
            return json.RootElement.Clone();
        }

        static IEnumerable<string> Names(JsonElement variables) => variables.EnumerateObject().Select(static variable => variable.Name).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_both_measure_has_the_same_labels_or_none()
    {
        await Same(Requests.Put("foo"));
        var etcd = await Labels(Pair.Etcd);
        var subject = await Labels(Pair.Subject);

        // What is applied at once here is a group of many operations.
        var both = etcd.Keys.Intersect(subject.Keys).Where(name => !name.StartsWith("etcd_server_apply_duration_seconds", StringComparison.Ordinal)).ToList();
        Assert.True(both.Count > 50, $"only {both.Count} names are common");
        Assert.All(both, name => Assert.Equal(etcd[name], subject[name]));

        static async Task<Dictionary<string, string>> Labels(Server server) => (await Http.GetStringAsync(server.Address + "/metrics", Cancellation))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line[0] != '#')
            .GroupBy(line => line[..line.IndexOfAny(['{', ' '])], LabelNames)
            .ToDictionary(series => series.Key, series => string.Join('\n', series.Distinct().Order(StringComparer.Ordinal)));

        // {a,b} for {a="1",b="2"}, and nothing where not even the braces are.
        static string LabelNames(string line) => line.Contains('{', StringComparison.Ordinal)
            ? $"{{{string.Join(',', LabelName().Matches(line).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal))}}}"
            : "";
    }

    [GeneratedRegex(@"(\w+)=""")]
    private static partial Regex LabelName();
}
