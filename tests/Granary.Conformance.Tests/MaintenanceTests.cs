using System.Security.Cryptography;
using Grpc.Core;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>Alarms, checksums and what a single member says to changes of its cluster: asked of both.</summary>
public sealed class MaintenanceTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private const ulong SomeMember = 5;

    [Fact]
    public async Task Without_space_what_takes_none_goes_on()
    {
        await Same(Put("k", "v"));
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Nospace));
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Nospace));
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Get, AlarmType.None));
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Get, AlarmType.Corrupt));
        await SameAnswer(Put("k", "w"));
        await SameAnswer(Put("", "w"));
        await SameAnswer(new TxnRequest { Success = { new RequestOp { RequestRange = new RangeRequest { Key = Put("k").Key } } }, Failure = { new RequestOp { RequestPut = Put("k") } } });
        await SameAnswer(new TxnRequest { Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Put("k").Key } } } });
        await SameAnswer(new LeaseGrantRequest { ID = 7_000_000 + Start, TTL = 100 });
        await SameAnswer(new RangeRequest { Key = Put("k").Key });
        await SameAnswer(new DeleteRangeRequest { Key = Put("k").Key });
        await SameAnswer(new CompactionRequest { Revision = Start + 1 });
        await SameAnswer(new DefragmentRequest());
        await Disarm(AlarmType.Nospace);
        await Same(Put("k", "w"));
    }

    [Fact]
    public async Task With_a_corrupt_store_nothing_is_written()
    {
        await Same(Put("k", "v"));
        var lease = 8_000_000 + Start;
        await SameAnswer(new LeaseGrantRequest { ID = lease, TTL = 600 });
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Corrupt));
        await SameAnswer(Put("k", "w"));
        await SameAnswer(new DeleteRangeRequest { Key = Put("k").Key });
        await SameAnswer(new TxnRequest { Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Put("k").Key } } } });
        await SameAnswer(new LeaseGrantRequest { ID = lease + 1, TTL = 100 });
        await SameAnswer(new LeaseRevokeRequest { ID = lease });
        await SameAnswer(new CompactionRequest { Revision = Start + 1 });
        await SameAnswer(new RangeRequest { Key = Put("k").Key });
        await SameAnswer(new TxnRequest { Success = { new RequestOp { RequestRange = new RangeRequest { Key = Put("k").Key } } } });
        await Disarm(AlarmType.Corrupt);
        await Same(Put("k", "w"));
        await SameAnswer(new LeaseRevokeRequest { ID = lease });
    }

    [Fact]
    public async Task Only_the_very_alarm_is_disarmed()
    {
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.None));
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Nospace));
        await SameAnswer(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, Alarm = AlarmType.Nospace });
        await SameAnswer(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = SomeMember });
        await SameAnswer(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = SomeMember, Alarm = AlarmType.Corrupt });
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Get, AlarmType.None));
        await Disarm(AlarmType.Nospace);
        await Disarm(AlarmType.Nospace);
        await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Get, AlarmType.None));
    }

    [Fact]
    public async Task Checksums_know_their_bounds_and_do_not_change_by_compaction()
    {
        for (var i = 0; i < 6; i++)
        {
            await Same(Put($"k{i % 3}", $"v{i}"));
        }

        await Same(Delete("k1"));
        await SameAnswer(new HashKVRequest { Revision = Start + 100 });
        var before = await Hash(Start + 4);
        Assert.Equal(before, await Hash(Start + 4));
        Assert.NotEqual(before, await Hash(Start + 5));
        await Same(new CompactionRequest { Revision = Start + 4, Physical = true });
        Assert.Equal(before, await Hash(Start + 4));
        await SameAnswer(new DefragmentRequest());
        Assert.Equal(before, await Hash(Start + 4));
        await SameAnswer(new HashKVRequest { Revision = Start + 3 });
        await SameAnswer(new HashKVRequest { Revision = Start + 5 });
        await SameAnswer(new HashKVRequest { Revision = 0 });
        await SameAnswer(new HashRequest());

        async Task<uint> Hash(long revision) => (await new Maintenance.MaintenanceClient(Pair.Subject.Calls)
            .HashKVAsync(new HashKVRequest { Revision = revision }, cancellationToken: Cancellation)).Hash;
    }

    [Fact]
    public async Task A_snapshot_says_how_much_is_left_and_ends_with_its_checksum()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var call = new Maintenance.MaintenanceClient(server.Calls).Snapshot(new SnapshotRequest(), cancellationToken: Cancellation);
            var pieces = await call.ResponseStream.ReadAllAsync(Cancellation).ToListAsync(Cancellation);
            foreach (var (before, piece) in pieces.Zip(pieces.Skip(1).SkipLast(1)))
            {
                Assert.Equal(before.RemainingBytes - (ulong)piece.Blob.Length, piece.RemainingBytes);
            }

            Assert.Equal((0UL, 0UL), (pieces[^2].RemainingBytes, pieces[^1].RemainingBytes));
            var file = pieces.SkipLast(1).SelectMany(static piece => piece.Blob.ToByteArray()).ToArray();
            Assert.Equal(Convert.ToHexString(SHA256.HashData(file)), Convert.ToHexString(pieces[^1].Blob.Span));
        }
    }

    [Fact]
    public async Task A_leader_alone_can_be_moved_to_itself_only()
    {
        await SameAnswer(new MoveLeaderRequest { TargetID = 12345 });
        await SameAnswer(new MoveLeaderRequest());
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var maintenance = new Maintenance.MaintenanceClient(server.Calls);
            var id = (await maintenance.StatusAsync(new StatusRequest(), cancellationToken: Cancellation)).Leader;
            Assert.Null((await maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = id }, cancellationToken: Cancellation)).Header);
        }
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("")]
    [InlineData("v3.4")]
    [InlineData("3.9")]
    [InlineData("3.1.0")]
    public Task A_version_that_is_none_or_too_far_away_is_no_target_of_a_downgrade(string version) =>
        SameAnswer(new DowngradeRequest { Action = DowngradeRequest.Types.DowngradeAction.Validate, Version = version });

    [Fact]
    public async Task There_is_no_downgrade_to_cancel_and_no_other_action()
    {
        await SameAnswer(new DowngradeRequest { Action = DowngradeRequest.Types.DowngradeAction.Cancel });
        await SameAnswer(new DowngradeRequest { Action = (DowngradeRequest.Types.DowngradeAction)9 });
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("http://example.com")]
    [InlineData("http://example.com:2380/path")]
    public async Task A_member_needs_a_url_with_a_port_and_no_path(string url)
    {
        await SameAnswer(new MemberAddRequest { PeerURLs = { url } });
        await SameAnswer(new MemberAddRequest { PeerURLs = { url }, IsLearner = true });
    }

    [Fact]
    public async Task A_member_is_found_where_it_says()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var cluster = new Protos.Cluster.ClusterClient(server.Calls);
            var member = (await cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, cancellationToken: Cancellation)).Members.Single();
            var elsewhere = $"http://127.0.0.1:{LoopbackPorts.Take()}";
            foreach (var url in (string[])[elsewhere, .. member.PeerURLs])
            {
                await cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = member.ID, PeerURLs = { url } }, cancellationToken: Cancellation);
                Assert.Equal([url], (await cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, cancellationToken: Cancellation)).Members.Single().PeerURLs);
            }
        }
    }

    [Fact]
    public async Task The_only_member_stays_is_no_learner_and_nobody_else_is_there()
    {
        await SameAnswer(new MemberRemoveRequest { ID = 77 });
        await SameAnswer(new MemberUpdateRequest { ID = 77, PeerURLs = { "http://localhost:1" } });
        await SameAnswer(new MemberPromoteRequest { ID = 77 });
        foreach (var (request, of) in ((Func<ulong, string, Google.Protobuf.IMessage> Request, string Of)[])
        [
            ((id, _) => new MemberRemoveRequest { ID = id }, "remove"),
            ((id, _) => new MemberPromoteRequest { ID = id }, "promote"),
            ((_, url) => new MemberAddRequest { PeerURLs = { url } }, "add what is there"),
        ])
        {
            var (etcd, subject) = (await AskOwn(Pair.Etcd, request), await AskOwn(Pair.Subject, request));
            Assert.Equal($"{of}: {etcd}", $"{of}: {subject}");
        }

        async Task<Answer> AskOwn(Server server, Func<ulong, string, Google.Protobuf.IMessage> request)
        {
            var member = (await new Protos.Cluster.ClusterClient(server.Calls).MemberListAsync(new MemberListRequest(), cancellationToken: Cancellation)).Members[0];
            return await Calls.Ask(server, request(member.ID, member.PeerURLs[0]), Cancellation);
        }
    }

    private static AlarmRequest Alarm(AlarmRequest.Types.AlarmAction action, AlarmType kind) => new() { Action = action, MemberID = SomeMember, Alarm = kind };

    private async Task Disarm(AlarmType kind) => await SameAnswer(Alarm(AlarmRequest.Types.AlarmAction.Deactivate, kind));
}
