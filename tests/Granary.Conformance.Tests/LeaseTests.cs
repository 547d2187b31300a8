using System.Diagnostics;
using Granary.Protos.Concurrency;
using Grpc.Core;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>Leases, locks and elections: every rule asked of both.</summary>
public sealed class LeaseTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    private long Id => 1_000_000 + (Start * 100);

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9_000_000_000)]
    [InlineData(9_000_000_001)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task A_grant_raises_what_is_too_short_and_refuses_what_is_too_long(long ttl) =>
        await SameAnswer(new LeaseGrantRequest { ID = Id, TTL = ttl });

    [Fact]
    public async Task Ids_are_taken_as_they_are_once()
    {
        foreach (var id in (long[])[Id, Id, -Id, Id + 1])
        {
            await Grant(id);
        }

        await SameAnswer(new LeaseGrantRequest { ID = Id, TTL = 9_999_999_999 });
        await Revoke(Id);
        await Grant(Id);
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var own = await new Lease.LeaseClient(server.Calls).LeaseGrantAsync(new LeaseGrantRequest { TTL = 100 }, cancellationToken: Cancellation);
            Assert.True(own.ID > 0);
            Assert.Equal(100, own.TTL);
        }
    }

    [Fact]
    public async Task Revoking_deletes_the_keys_at_one_revision_and_is_done_once()
    {
        await Grant(Id);
        await SameAnswer(Put("a", lease: Id));
        await SameAnswer(Put("b", lease: Id));
        await Revoke(Id);
        await SameAnswer(Everything());
        await Revoke(Id);
        await Revoke(0);
        await Revoke(-1);
        await Grant(Id + 1);
        await Revoke(Id + 1);
        await SameAnswer(Put("a", lease: Id));
    }

    [Fact]
    public async Task A_key_belongs_to_the_lease_of_its_last_put()
    {
        await Grant(Id);
        await Grant(Id + 1);
        await SameAnswer(Put("moved", lease: Id));
        await SameAnswer(Put("moved", lease: Id + 1));
        await SameAnswer(Put("detached", lease: Id));
        await SameAnswer(Put("detached"));
        await SameAnswer(Put("kept", lease: Id));
        await SameAnswer(Put("kept", ignoreLease: true));
        await SameAnswer(Put("deleted", lease: Id));
        await SameAnswer(Delete("deleted"));
        await SameAnswer(Put("again", lease: Id));
        await SameAnswer(Delete("again"));
        await SameAnswer(Put("again"));
        await SameAnswer(Txn(then: [Put("in txn", lease: Id), Delete("kept"), Put("kept too", lease: Id)]));
        await SameAnswer(Txn(then: [Put("never"), Put("never too", lease: 999_999_999)]));
        await SameAnswer(Put("kept", lease: 999_999_999, ignoreValue: true));
        await Keys(Id);
        await Keys(Id + 1);
        await SameAnswer(Everything());
        await Revoke(Id);
        await SameAnswer(Everything());
        await Keys(Id);
        await SameAnswer(Range("moved", revision: Start + 1));
        await Revoke(Id + 1);
        await SameAnswer(Everything());
        await Grant(Id);
        await Keys(Id);
    }

    [Fact]
    public async Task Time_to_live_of_what_is_not_there_is_minus_one()
    {
        await Keys(0);
        await Keys(424242);
        await SameAnswer(new LeaseTimeToLiveRequest { ID = 7 });
    }

    [Fact]
    public async Task Keep_alives_are_answered_in_order_with_the_full_time_or_none()
    {
        await Grant(Id, 100);
        await Grant(Id + 1, 200);
        long[] asked = [Id, Id + 1, 5, Id, 0, Id + 1, -3, Id];
        var answers = new List<string>();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var stream = new Lease.LeaseClient(server.Calls).LeaseKeepAlive(cancellationToken: Cancellation);
            foreach (var id in asked)
            {
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, Cancellation);
            }

            await stream.RequestStream.CompleteAsync();
            var told = new List<string>();
            while (await stream.ResponseStream.MoveNext(Cancellation))
            {
                var answer = stream.ResponseStream.Current;
                told.Add($"{answer.ID} {answer.TTL} {answer.Header.Revision}");
            }

            answers.Add($"{string.Join(", ", told)}; {stream.GetStatus()}");
        }

        Assert.Equal(answers[0], answers[1]);
    }

    [Fact]
    public async Task A_lease_that_nobody_renews_ends_in_its_time_and_not_before_it_and_is_never_renewed_then()
    {
        await Grant(Id, 2);
        var granted = Stopwatch.GetTimestamp();
        await SameAnswer(Put("a", lease: Id));
        await SameAnswer(Put("b", lease: Id));
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var kv = new KV.KVClient(server.Calls);
            await Eventually.Holds(
                "the keys are gone", async () => (await kv.RangeAsync(Range("a"), cancellationToken: Cancellation)).Count == 0, Generous, Cancellation);
            Assert.True(Stopwatch.GetElapsedTime(granted) >= TimeSpan.FromSeconds(1.9), "too early");
            using var stream = new Lease.LeaseClient(server.Calls).LeaseKeepAlive(cancellationToken: Cancellation);
            await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = Id }, Cancellation);
            Assert.True(await stream.ResponseStream.MoveNext(Cancellation));
            Assert.Equal((Id, 0), (stream.ResponseStream.Current.ID, stream.ResponseStream.Current.TTL));
        }

        await SameAnswer(Everything());
        await Keys(Id);
        await Revoke(Id);
    }

    [Fact]
    public async Task Leases_are_listed_with_the_shortest_time_left_first()
    {
        await Grant(Id, 3000);
        await Grant(Id + 1, 1000);
        await Grant(Id + 2, 2000);
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var listed = await new Lease.LeaseClient(server.Calls).LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: Cancellation);
            Assert.Equal([Id + 1, Id + 2, Id], listed.Leases.Select(lease => lease.ID).Where(id => id >= Id && id <= Id + 2));
        }
    }

    [Fact]
    public async Task Locks_are_keys_of_their_lease_and_errors_come_without_their_code()
    {
        await Grant(Id, 600);
        await SameAnswer(new LockRequest { Name = Bytes("l"), Lease = Id });
        await SameAnswer(new LockRequest { Name = Bytes("l"), Lease = Id });
        await SameAnswer(new LockRequest { Name = Bytes(""), Lease = Id });
        await SameAnswer(new LockRequest { Name = Bytes("l"), Lease = 987_654 });
        await SameAnswer(Everything());
        var key = Bytes($"l/{Id:x}");
        await SameAnswer(new UnlockRequest { Key = key });
        await SameAnswer(new UnlockRequest { Key = key });
        await SameAnswer(new UnlockRequest());
        await SameAnswer(Everything());
    }

    [Fact]
    public async Task Elections_are_told_alike()
    {
        await Grant(Id, 600);
        await Grant(Id + 1, 600);
        await SameAnswer(new LeaderRequest { Name = Bytes("e") });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Bytes("one") });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = Id, Value = Bytes("two") });
        await SameAnswer(new LeaderRequest { Name = Bytes("e") });
        await SameAnswer(new ProclaimRequest());
        await SameAnswer(new ResignRequest());
        var leader = new LeaderKey { Name = Bytes("e"), Key = Bytes($"e/{Id:x}"), Rev = Start + 1, Lease = Id };
        var wrong = new LeaderKey(leader) { Rev = Start + 77 };
        await SameAnswer(new ProclaimRequest { Leader = wrong, Value = Bytes("x") });
        await SameAnswer(new ProclaimRequest { Leader = leader, Value = Bytes("three") });
        await SameAnswer(new ResignRequest { Leader = wrong });
        await SameAnswer(new CampaignRequest { Name = Bytes("e"), Lease = 5555 });
        await SameAnswer(Everything());

        var observed = new List<List<string>>();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var client = new Election.ElectionClient(server.Calls);
            using var observer = client.Observe(new LeaderRequest { Name = Bytes("e") }, cancellationToken: Cancellation);
            var seen = new List<string>();
            await Observe(observer, seen);
            await client.ProclaimAsync(new ProclaimRequest { Leader = leader, Value = Bytes("four") }, cancellationToken: Cancellation);
            await Observe(observer, seen);
            var next = client.CampaignAsync(new CampaignRequest { Name = Bytes("e"), Lease = Id + 1, Value = Bytes("next") }, cancellationToken: Cancellation);
            await Eventually.Holds(
                "the candidate waits",
                async () => (await new KV.KVClient(server.Calls).RangeAsync(Range($"e/{Id + 1:x}"), cancellationToken: Cancellation)).Count == 1,
                Generous,
                Cancellation);
            await client.ResignAsync(new ResignRequest { Leader = leader }, cancellationToken: Cancellation);
            seen.Add($"elected: {(await next).Leader}");
            await Observe(observer, seen);
            observed.Add(seen);
        }

        Assert.Equal(observed[0], observed[1]);
        await SameAnswer(Everything());
    }

    [Fact]
    public async Task One_who_stops_waiting_for_a_lock_leaves_no_key()
    {
        await Grant(Id, 600);
        await Grant(Id + 1, 600);
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var client = new Protos.Concurrency.Lock.LockClient(server.Calls);
            var kv = new KV.KVClient(server.Calls);
            await client.LockAsync(new LockRequest { Name = Bytes("l"), Lease = Id }, cancellationToken: Cancellation);
            using var leave = new CancellationTokenSource();
            var waiting = client.LockAsync(new LockRequest { Name = Bytes("l"), Lease = Id + 1 }, cancellationToken: leave.Token);
            await Eventually.Holds("it waits", async () => (await kv.RangeAsync(Range("l/", "l0"), cancellationToken: Cancellation)).Count == 2, Generous, Cancellation);
            await leave.CancelAsync();
            await Eventually.Holds("its key is gone", async () => (await kv.RangeAsync(Range("l/", "l0"), cancellationToken: Cancellation)).Count == 1, Generous, Cancellation);
            await Assert.ThrowsAsync<RpcException>(async () => await waiting);
        }

        await SameAnswer(Everything());
    }

    private static async Task Observe(AsyncServerStreamingCall<LeaderResponse> observer, List<string> seen)
    {
        Assert.True(await observer.ResponseStream.MoveNext(Cancellation).WaitAsync(Generous, Cancellation));
        seen.Add($"{observer.ResponseStream.Current.Header.Revision} {observer.ResponseStream.Current.Kv}");
    }

    private Task<Answer> Grant(long id, long ttl = 600) =>
        SameAnswer(new LeaseGrantRequest { ID = id, TTL = ttl });

    private Task<Answer> Revoke(long id) =>
        SameAnswer(new LeaseRevokeRequest { ID = id });

    private Task<Answer> Keys(long id) => SameAnswer(new LeaseTimeToLiveRequest { ID = id, Keys = true });
}
