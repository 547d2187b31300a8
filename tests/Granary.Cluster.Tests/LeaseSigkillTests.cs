using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Cluster.Tests;

/// <summary>What becomes of leases when the server is killed and started again.</summary>
public sealed class LeaseSigkillTests
{
    private const int Leases = 100;
    // Long enough that a busy machine gets round to renewing.
    private const int TtlSeconds = 10;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_lease_lives_on_with_its_full_time_and_those_that_nobody_renews_then_end()
    {
        await using var server = await Subject.Start(Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        var kv = new KV.KVClient(server.Channel);
        await Task.WhenAll(Enumerable.Range(1, Leases).Select(async id =>
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = id == Leases ? 500 : TtlSeconds }, cancellationToken: Stop);
            await kv.PutAsync(new PutRequest { Key = Key(id), Lease = id }, cancellationToken: Stop);
        }));

        // Little of their time is left when the server goes.
        await Eventually.Holds(
            "the first one has used up half of its time",
            async () => (await TimeToLive(leases, 1)).TTL < TtlSeconds / 2,
            Generous,
            Stop);
        var revision = (await kv.RangeAsync(All, cancellationToken: Stop)).Header.Revision;
        await server.Kill(Stop);
        var restart = Stopwatch.GetTimestamp();
        await server.StartAgain(Stop);
        leases = new Lease.LeaseClient(server.Channel);
        kv = new KV.KVClient(server.Channel);

        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(
            new WatchRequest
            {
                CreateRequest = new WatchCreateRequest
                {
                    Key = Name("lease/"),
                    RangeEnd = Name("lease0"),
                    StartRevision = revision + 1,
                    Filters = { WatchCreateRequest.Types.FilterType.Noput },
                },
            },
            Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));

        // One of the short ones goes on being renewed.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var renewing = Renew(leases, 1, ended.Token);
        for (var left = Leases - 2; left > 0;)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            Assert.True(Stopwatch.GetElapsedTime(restart) >= TimeSpan.FromSeconds(TtlSeconds), "a lease did not get its full time again");
            left -= watch.ResponseStream.Current.Events.Count;
        }

        var alive = await kv.RangeAsync(All, cancellationToken: Stop);
        Assert.Equal([Key(1), Key(Leases)], alive.Kvs.Select(pair => pair.Key));
        Assert.Equal([Key(Leases)], (await TimeToLive(leases, Leases)).Keys);
        await ended.CancelAsync();
        await renewing;
        Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
        Assert.Equal(Key(1), Assert.Single(watch.ResponseStream.Current.Events).Kv.Key);
    }

    [Fact]
    public async Task A_revocation_of_many_keys_that_was_answered_is_whole_after_a_kill_however_few_had_left_the_store()
    {
        const int Keys = 20_000;
        const int KeysPerTxn = 100;
        await using var server = await Subject.Start(Stop);
        for (var round = 0; round < 3; round++)
        {
            var leases = new Lease.LeaseClient(server.Channel);
            var kv = new KV.KVClient(server.Channel);
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 }, cancellationToken: Stop);
            var next = -1;
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
            {
                for (var txn = Interlocked.Increment(ref next); txn < Keys / KeysPerTxn; txn = Interlocked.Increment(ref next))
                {
                    var puts = Enumerable.Range(txn * KeysPerTxn, KeysPerTxn).Select(i => new RequestOp { RequestPut = new PutRequest { Key = Name($"lease/{i:D5}"), Lease = 7 } });
                    await kv.TxnAsync(new TxnRequest { Success = { puts } }, cancellationToken: Stop);
                }
            }));
            var revision = (await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: Stop)).Header.Revision;

            // One of them comes again at once.
            var again = await kv.PutAsync(new PutRequest { Key = Name("lease/10000") }, cancellationToken: Stop);
            Assert.Equal(revision + 1, again.Header.Revision);
            await server.Kill(Stop);
            await server.StartAgain(Stop);

            kv = new KV.KVClient(server.Channel);
            Assert.Equal(Name("lease/10000"), Assert.Single((await kv.RangeAsync(All, cancellationToken: Stop)).Kvs).Key);
            var before = All.Clone();
            (before.Revision, before.CountOnly) = (revision - 1, true);
            Assert.Equal(Keys, (await kv.RangeAsync(before, cancellationToken: Stop)).Count);
            using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
            var create = new WatchCreateRequest { Key = All.Key, RangeEnd = All.RangeEnd, StartRevision = revision, PrevKv = true };
            await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, Stop);
            var events = new List<Event>();
            while (events.Count < Keys + 1)
            {
                Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
                events.AddRange(watch.ResponseStream.Current.Events);
            }

            Assert.Equal(Enumerable.Range(0, Keys).Select(i => Name($"lease/{i:D5}")), events.Take(Keys).Select(change => change.Kv.Key));
            Assert.All(events.Take(Keys), change => Assert.Equal(
                (Event.Types.EventType.Delete, revision, 7), (change.Type, change.Kv.ModRevision, change.PrevKv.Lease)));
            Assert.Equal((Event.Types.EventType.Put, revision + 1), (events[^1].Type, events[^1].Kv.ModRevision));
            await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = All.Key, RangeEnd = All.RangeEnd }, cancellationToken: Stop);
        }
    }

    [Fact]
    public async Task A_lease_of_more_keys_than_a_record_could_name_expires_at_one_revision_and_a_deletion_of_as_many_is_one_too()
    {
        const int Keys = 600_000;
        const int KeysPerTxn = 5_000;
        await using var server = await Subject.Start(Stop, $"--max-txn-ops={KeysPerTxn}");
        var leases = new Lease.LeaseClient(server.Channel);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = TtlSeconds }, cancellationToken: Stop);
        using var filled = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var renewing = Renew(leases, 7, filled.Token);
        var last = await Fill(7);
        await filled.CancelAsync();
        await renewing;
        await Eventually.Holds("the lease has expired", async () => (await leases.LeaseTimeToLiveAsync(
            new LeaseTimeToLiveRequest { ID = 7 }, cancellationToken: Stop)).TTL == -1, Generous, Stop);
        await MustBeGoneAt(last + 1);
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        await MustBeGoneAt(last + 1);

        last = await Fill(0);
        var deleted = await new KV.KVClient(server.Channel).DeleteRangeAsync(new DeleteRangeRequest { Key = All.Key, RangeEnd = All.RangeEnd }, cancellationToken: Stop);
        Assert.Equal((Keys, last + 1), (deleted.Deleted, deleted.Header.Revision));
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        await MustBeGoneAt(last + 1);

        async Task<long> Fill(long lease)
        {
            var kv = new KV.KVClient(server.Channel);
            var next = -1;
            var revisions = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
            {
                var revision = 0L;
                for (var txn = Interlocked.Increment(ref next); txn < Keys / KeysPerTxn; txn = Interlocked.Increment(ref next))
                {
                    var puts = Enumerable.Range(txn * KeysPerTxn, KeysPerTxn)
                        .Select(i => new RequestOp { RequestPut = new PutRequest { Key = Name($"lease/{i:D100}"), Lease = lease } });
                    revision = (await kv.TxnAsync(new TxnRequest { Success = { puts } }, cancellationToken: Stop)).Header.Revision;
                }

                return revision;
            }));
            return revisions.Max();
        }

        async Task MustBeGoneAt(long revision)
        {
            var count = All.Clone();
            count.CountOnly = true;
            var now = await new KV.KVClient(server.Channel).RangeAsync(count, cancellationToken: Stop);
            Assert.Equal((revision, 0), (now.Header.Revision, now.Count));
            count.Revision = revision - 1;
            Assert.Equal(Keys, (await new KV.KVClient(server.Channel).RangeAsync(count, cancellationToken: Stop)).Count);
        }
    }

    private static RangeRequest All { get; } = new() { Key = Name("lease/"), RangeEnd = Name("lease0") };

    private static async Task<LeaseTimeToLiveResponse> TimeToLive(Lease.LeaseClient leases, long id) =>
        await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id, Keys = true }, cancellationToken: Stop);

    /// <summary>Renews a lease over and over, each time as soon as the last one was answered and a tick has passed.</summary>
    private static async Task Renew(Lease.LeaseClient leases, long id, CancellationToken cancellationToken)
    {
        using var stream = leases.LeaseKeepAlive(cancellationToken: Stop);
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!cancellationToken.IsCancellationRequested)
        {
            await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, Stop);
            Assert.True(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            Assert.Equal(TtlSeconds, stream.ResponseStream.Current.TTL);
            await ticks.WaitForNextTickAsync(Stop);
        }
    }

    private static ByteString Key(long id) => Name($"lease/{id:D3}");

    private static ByteString Name(string name) => ByteString.CopyFromUtf8(name);
}
