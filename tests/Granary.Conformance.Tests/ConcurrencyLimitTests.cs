using Google.Protobuf;
using Granary.Protos.Concurrency;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>What locks and elections write is bounded in shape, size and space as any txn: asked of both.</summary>
public sealed class ConcurrencyLimitTests(SmallRequestPair pair) : ConformanceTest(pair), IClassFixture<SmallRequestPair>
{
    private static readonly ByteString Large = ByteString.CopyFrom(new byte[20_000]);

    private long Id => 9_000_000 + (Start * 100);

    // Such a leader is nobody; at first Granary took it for one and had no key to put, nor a way to go on.
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task A_leader_without_a_key_is_refused_and_nothing_is_written(long revision)
    {
        var nobody = new LeaderKey { Rev = revision };
        await SameAnswer(new ProclaimRequest { Leader = nobody, Value = Bytes("v") });
        await SameAnswer(new ProclaimRequest { Leader = new LeaderKey(nobody) { Name = Bytes("e"), Lease = 5 }, Value = Bytes("v") });
        await SameAnswer(new ResignRequest { Leader = nobody });
        await SameAnswer(new UnlockRequest());
        await Same(Everything());
        await Same(Put("still", "served"));
    }

    [Fact]
    public async Task Names_may_be_empty()
    {
        await Grant(Id);
        await SameAnswer(new LockRequest { Lease = Id });
        await SameAnswer(new CampaignRequest { Lease = Id, Value = Bytes("v") });
        await SameAnswer(new LeaderRequest());
        await Same(Everything());
    }

    [Fact]
    public async Task What_they_put_counts_with_its_size()
    {
        await Grant(Id);
        await SameAnswer(new LockRequest { Name = Large, Lease = Id });
        await SameAnswer(new CampaignRequest { Name = Large, Lease = Id });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Large });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Bytes("v") });
        var leader = new LeaderKey { Name = Bytes("e"), Key = Bytes($"e/{Id:x}"), Rev = Start + 1, Lease = Id };
        await SameAnswer(new ProclaimRequest { Leader = leader, Value = Large });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Large });
        await SameAnswer(new ResignRequest { Leader = new LeaderKey(leader) { Key = Large } });
        await SameAnswer(new UnlockRequest { Key = Large });
        await Same(Everything());
    }

    [Fact]
    public async Task Without_space_they_end_but_do_not_begin()
    {
        await Grant(Id);
        await SameAnswer(new LockRequest { Name = Bytes("l"), Lease = Id });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Bytes("v") });
        var leader = new LeaderKey { Name = Bytes("e"), Key = Bytes($"e/{Id:x}"), Rev = Start + 2, Lease = Id };
        await SameAnswer(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Nospace });
        await SameAnswer(new LockRequest { Name = Bytes("m"), Lease = Id });
        await SameAnswer(new LockRequest { Name = Bytes("m") });
        await SameAnswer(new CampaignRequest { Name = Bytes("f"), Lease = Id, Value = Bytes("v") });
        await SameAnswer(new ProclaimRequest { Leader = leader, Value = Bytes("w") });
        await SameAnswer(new LeaderRequest { Name = Bytes("e") });
        await SameAnswer(new ResignRequest { Leader = leader });
        await SameAnswer(new UnlockRequest { Key = Bytes($"l/{Id:x}") });
        await SameAnswer(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, Alarm = AlarmType.Nospace });
        await Same(Everything());
    }

    private Task<Answer> Grant(long id) => SameAnswer(new LeaseGrantRequest { ID = id, TTL = 600 });
}
