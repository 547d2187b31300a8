namespace Granary.Protos.Tests;

/// <summary>Our .proto files are written from a table; here they meet descriptors that somebody else compiled from etcd's own.</summary>
public sealed class WireContractTests
{
    private static readonly string[] OnlyOurs =
    [
        // dotnet-etcd 9.1.0 has the messages of etcd 3.5 and some of 3.6; these came with 3.6.
        "field etcdserverpb.HashKVResponse.hash_revision = 4: plain Int64",
        "field etcdserverpb.StatusResponse.storageVersion = 11: plain String",
        "field etcdserverpb.StatusResponse.dbSizeQuota = 12: plain Int64",
        "field etcdserverpb.StatusResponse.downgradeInfo = 13: present-or-not etcdserverpb.DowngradeInfo",
        "message etcdserverpb.DowngradeInfo",
        "field etcdserverpb.DowngradeInfo.enabled = 1: plain Bool",
        "field etcdserverpb.DowngradeInfo.targetVersion = 2: plain String",
        "message etcdserverpb.DowngradeVersionTestRequest",
        "field etcdserverpb.DowngradeVersionTestRequest.ver = 1: plain String",

        // RangeStream came with 3.7.
        "rpc etcdserverpb.KV.RangeStream(etcdserverpb.RangeRequest) returns (stream etcdserverpb.RangeStreamResponse)",
        "message etcdserverpb.RangeStreamResponse",
        "field etcdserverpb.RangeStreamResponse.range_response = 1: present-or-not etcdserverpb.RangeResponse",
    ];

    // Nothing: a superset is what we promise.
    private static readonly string[] OnlyTheirs = [];

    private static readonly SortedSet<string> Ours = WireContract.Of(typeof(RangeRequest).Assembly);
    private static readonly SortedSet<string> Theirs = WireContract.Of(typeof(Etcdserverpb.RangeRequest).Assembly);

    [Fact]
    public void What_only_we_have_is_listed_with_its_reason() =>
        Same(OnlyOurs, Ours.Except(Theirs));

    [Fact]
    public void What_only_dotnet_etcd_has_is_listed_with_its_reason() =>
        Same(OnlyTheirs, Theirs.Except(Ours));

    [Fact]
    public void Both_sides_were_read_whole()
    {
        // Two empty sets would be equal too. The numbers are those of etcd 3.5: six services of etcdserverpb, Lock, Election.
        foreach (var side in new[] { Ours, Theirs })
        {
            Assert.Equal(8, side.Count(fact => fact.StartsWith("service ", StringComparison.Ordinal)));
            Assert.True(side.Count(fact => fact.StartsWith("message ", StringComparison.Ordinal)) > 100);
            Assert.Contains("field etcdserverpb.Compare.range_end = 64: plain Bytes", side);
            Assert.Contains("field etcdserverpb.Compare.value = 7: present-or-not Bytes in oneof target_union", side);
            Assert.Contains("rpc etcdserverpb.Watch.Watch(stream etcdserverpb.WatchRequest) returns (stream etcdserverpb.WatchResponse)", side);
        }
    }

    private static void Same(IReadOnlyCollection<string> listed, IEnumerable<string> found)
    {
        var facts = found.ToHashSet();
        Assert.True(
            facts.SetEquals(listed),
            string.Join(
                '\n',
                facts.Except(listed).Select(fact => "not listed: " + fact)
                    .Concat(listed.Except(facts).Select(fact => "listed in vain: " + fact))));
    }
}
