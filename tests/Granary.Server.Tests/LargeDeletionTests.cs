using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>Deletions of many keys: whole at one revision like any other, and nobody else waits for them.</summary>
[Collection("one server at a time")]
public sealed class LargeDeletionTests
{
    private const int Many = 100_000;
    private const int KeysPerTxn = 100;

    // What is reached on a quiet machine is less than a tenth of it; deciding and applying all in one go takes longer on any.
    private static readonly TimeSpan LongestStall = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "")]
    [InlineData(true, "k050000")]
    public async Task A_hundred_thousand_keys_go_at_one_revision_watchers_see_them_go_together_and_others_go_on_writing(bool byLease, string split)
    {
        await using var server = await InProcessServer.Start(Stop, options => options with
        {
            Engine = Engine.Embedded,
            InitialRangeSplits = split.Length > 0 ? [split] : [],
        });
        var leases = new Lease.LeaseClient(server.Channel);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 }, cancellationToken: Stop);
        await Fill(server, Many);
        using var whole = await Watch(server, fragment: false);
        using var inFragments = await Watch(server, fragment: true);

        using var done = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var slowest = TimeSpan.Zero;
        var putting = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var start = Stopwatch.GetTimestamp();
                await server.Kv.PutAsync(new PutRequest { Key = Key("other") }, cancellationToken: Stop);
                slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
            }
        }, Stop);
        var begin = Stopwatch.GetTimestamp();
        var revision = byLease
            ? (await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: Stop)).Header.Revision
            : (await server.Kv.DeleteRangeAsync(All, cancellationToken: Stop)).Header.Revision;
        var took = Stopwatch.GetElapsedTime(begin);

        // While they leave the store, none is seen any more, and all are where they were.
        Assert.Equal(0, (await server.Kv.RangeAsync(Count(0), cancellationToken: Stop)).Count);
        Assert.Equal(0, (await server.Kv.RangeAsync(Count(revision), cancellationToken: Stop)).Count);
        Assert.Equal(Many, (await server.Kv.RangeAsync(Count(revision - 1), cancellationToken: Stop)).Count);
        var lease = await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 7, Keys = true }, cancellationToken: Stop);
        Assert.Equal((byLease ? 0 : 600, 0), (lease.GrantedTTL, lease.Keys.Count));
        MustBeTheDeletion(Assert.Single(await ReadAll(whole)).Events, revision);
        var fragments = await ReadAll(inFragments);
        Assert.True(fragments.Count > 1, "a response of so many events was not split");
        Assert.All(fragments, fragment => Assert.Equal(!ReferenceEquals(fragment, fragments[^1]), fragment.Fragment));
        MustBeTheDeletion([.. fragments.SelectMany(fragment => fragment.Events)], revision);

        await Eventually.Holds("all have left the store", () => Task.FromResult(!server.Replica.HasDeferred), Generous, Stop);
        await done.CancelAsync();
        await putting;
        Assert.Equal(Many, (await server.Kv.RangeAsync(Count(revision - 1), cancellationToken: Stop)).Count);
        TestContext.Current.TestOutputHelper!.WriteLine($"deleting took {took.TotalMilliseconds:F0} ms, the slowest put meanwhile {slowest.TotalMilliseconds:F0} ms");
        Assert.True(slowest < LongestStall, $"a put waited for {slowest}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("k002500")]
    public async Task Large_deletions_beside_writes_to_the_same_keys_lose_nothing_and_delete_what_they_say(string split)
    {
        const int Keys = 5_000;
        await using var server = await InProcessServer.Start(Stop, options => options with { InitialRangeSplits = split.Length > 0 ? [split] : [] });
        var leases = new Lease.LeaseClient(server.Channel);
        using var watch = await Watch(server, fragment: false, puts: true);
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var deletions = new ConcurrentDictionary<long, long>();
        var last = 0L;
        for (var round = 0; round < 6; round++)
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 }, cancellationToken: Stop);
            await Fill(server, Keys);
            using var deleted = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            var writing = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
            {
                var random = new Random(seed + i);
                while (!deleted.IsCancellationRequested)
                {
                    var key = Key(Name(random.Next(Keys)));
                    await (random.Next(3) == 0
                        ? server.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = key }, cancellationToken: Stop).ResponseAsync
                        : (Task)server.Kv.PutAsync(new PutRequest { Key = key }, cancellationToken: Stop).ResponseAsync);
                }
            }, Stop)).ToArray();
            if (round % 2 == 0)
            {
                var response = await server.Kv.DeleteRangeAsync(All, cancellationToken: Stop);
                deletions[response.Header.Revision] = response.Deleted;
            }

            await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: Stop);
            await deleted.CancelAsync();
            await Task.WhenAll(writing);
            last = (await server.Kv.PutAsync(new PutRequest { Key = Key("k-last") }, cancellationToken: Stop)).Header.Revision;
        }

        // What a watcher was told is all that happened.
        var seen = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var perRevision = new Dictionary<long, long>();
        for (var at = 0L; at < last;)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            foreach (var change in watch.ResponseStream.Current.Events)
            {
                at = change.Kv.ModRevision;
                if (change.Type == Event.Types.EventType.Put)
                {
                    seen[change.Kv.Key.ToStringUtf8()] = at;
                }
                else
                {
                    Assert.True(seen.Remove(change.Kv.Key.ToStringUtf8()), "a key went that was not there");
                    perRevision[at] = perRevision.GetValueOrDefault(at) + 1;
                }
            }
        }

        Assert.All(deletions, deletion => Assert.Equal(deletion.Value, perRevision[deletion.Key]));
        var all = await server.Kv.RangeAsync(new RangeRequest { Key = All.Key, RangeEnd = All.RangeEnd }, cancellationToken: Stop);
        Assert.Equal(seen.Select(entry => (entry.Key, entry.Value)), all.Kvs.Select(pair => (pair.Key.ToStringUtf8(), pair.ModRevision)));
        Assert.DoesNotContain(all.Kvs, pair => pair.Lease != 0);
        Assert.Equal(0, server.Latches.Count);
    }

    [Fact]
    public async Task Who_watches_with_previous_pairs_gets_those_of_a_large_deletion_too()
    {
        const int Keys = 10_000;
        await using var server = await InProcessServer.Start(Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 }, cancellationToken: Stop);
        await Fill(server, Keys);
        using var watch = await Watch(server, fragment: false, prevKv: true);
        using var without = await Watch(server, fragment: false);
        var revision = (await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: Stop)).Header.Revision;
        var again = await server.Kv.PutAsync(new PutRequest { Key = Key(Name(0)) }, cancellationToken: Stop);
        await server.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Key(Name(0)) }, cancellationToken: Stop);

        var events = (await ReadAll(watch, Keys + 1)).SelectMany(response => response.Events).ToList();
        Assert.All(events.Take(Keys), change => Assert.Equal(
            (revision, Key("v"), 7, change.Kv.Key), (change.Kv.ModRevision, change.PrevKv.Value, change.PrevKv.Lease, change.PrevKv.Key)));
        Assert.Equal((revision + 2, again.Header.Revision), (events[Keys].Kv.ModRevision, events[Keys].PrevKv.ModRevision));
        Assert.DoesNotContain((await ReadAll(without, Keys + 1)).SelectMany(response => response.Events), change => change.PrevKv is not null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deleting_large_values_holds_none_of_them_in_memory(bool byLease)
    {
        const int Keys = 3_000;
        const int ValueBytes = 100_000;
        await using var server = await InProcessServer.Start(Stop, options => options with { Engine = Engine.Embedded });
        var leases = new Lease.LeaseClient(server.Channel);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 }, cancellationToken: Stop);
        var value = ByteString.CopyFrom(new byte[ValueBytes]);
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i < Keys; i = Interlocked.Increment(ref next))
            {
                await server.Kv.PutAsync(new PutRequest { Key = Key(Name(i)), Value = value, Lease = 7 }, cancellationToken: Stop);
            }
        }));
        using var watch = await Watch(server, fragment: false);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = before;
        using var done = new CancellationTokenSource();
        var sampling = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false));
                Thread.Yield();
            }
        }, Stop);
        _ = byLease
            ? (await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: Stop)).Header
            : (await server.Kv.DeleteRangeAsync(All, cancellationToken: Stop)).Header;
        await Eventually.Holds("all have left the store", () => Task.FromResult(!server.Replica.HasDeferred), Generous, Stop);
        Assert.Equal(Keys, (await ReadAll(watch, Keys)).Sum(response => response.Events.Count));
        await done.CancelAsync();
        await sampling;

        // All values are ten times as much; what is no longer needed and not yet collected counts as well.
        var grown = most - before;
        TestContext.Current.TestOutputHelper!.WriteLine($"memory grew by {grown >> 20} MiB");
        Assert.True(grown < (long)Keys * ValueBytes / 5, $"memory grew by {grown >> 20} MiB");
    }

    [Fact]
    public async Task A_txn_whose_record_is_too_large_for_the_log_hurts_no_others_of_its_batch()
    {
        const int LargeValues = 40;
        await using var server = await InProcessServer.Start(Stop, options => options with { Engine = Engine.Embedded });
        var value = ByteString.CopyFrom(new byte[1_400_000]);
        for (var i = 0; i < LargeValues; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = Key(Name(i)), Value = value }, cancellationToken: Stop);
        }

        // Small as a request; what it writes is each of the values once more.
        var tooLarge = new TxnRequest
        {
            Success = { Enumerable.Range(0, LargeValues).Select(i => new RequestOp { RequestPut = new PutRequest { Key = Key(Name(i)), IgnoreValue = true } }) },
        };
        using var counters = new Counters();
        var latch = server.Latches.Open(TimeSpan.FromMinutes(5));
        await server.Writer().Latch(latch, Stop);
        var calls = new List<Task<long>>();
        for (var i = 0; i < 7; i++)
        {
            calls.Add(i == 3
                ? Revision(server.Kv.TxnAsync(tooLarge, cancellationToken: Stop).ResponseAsync, txn => txn.Header)
                : Revision(server.Kv.PutAsync(new PutRequest { Key = Key("small" + i) }, cancellationToken: Stop).ResponseAsync, put => put.Header));
            await Eventually.Holds("it waits", () => Task.FromResult(counters["granary.writes.queued"] == calls.Count), Generous, Stop);
        }

        await server.Writer().Release(latch);
        var error = await Assert.ThrowsAsync<RpcException>(() => calls[3]);
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: request is too large"), (error.StatusCode, error.Status.Detail));
        calls.RemoveAt(3);
        Assert.Equal(Enumerable.Range(LargeValues + 2, 6).Select(revision => (long)revision), await Task.WhenAll(calls));
        var unchanged = await server.Kv.RangeAsync(new RangeRequest { Key = Key(Name(0)) }, cancellationToken: Stop);
        Assert.Equal(1, Assert.Single(unchanged.Kvs).Version);

        static async Task<long> Revision<T>(Task<T> call, Func<T, ResponseHeader> header) => header(await call).Revision;
    }

    private static DeleteRangeRequest All { get; } = new() { Key = Key("k"), RangeEnd = Key("l") };

    private static RangeRequest Count(long revision) => new() { Key = All.Key, RangeEnd = All.RangeEnd, CountOnly = true, Revision = revision };

    private static async Task Fill(InProcessServer server, int count)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ =>
        {
            for (var txn = Interlocked.Increment(ref next); txn < count / KeysPerTxn; txn = Interlocked.Increment(ref next))
            {
                var puts = Enumerable.Range(txn * KeysPerTxn, KeysPerTxn)
                    .Select(i => new RequestOp { RequestPut = new PutRequest { Key = Key(Name(i)), Value = Key("v"), Lease = 7 } });
                await server.Kv.TxnAsync(new TxnRequest { Success = { puts } }, cancellationToken: Stop);
            }
        }));
    }

    private static async Task<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>> Watch(InProcessServer server, bool fragment, bool puts = false, bool prevKv = false)
    {
        var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        var create = new WatchCreateRequest { Key = All.Key, RangeEnd = All.RangeEnd, Fragment = fragment, PrevKv = prevKv };
        if (!puts)
        {
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        }

        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop) && watch.ResponseStream.Current.Created);
        return watch;
    }

    private static async Task<List<WatchResponse>> ReadAll(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch, int count = Many)
    {
        var responses = new List<WatchResponse>();
        for (var events = 0; events < count; events += responses[^1].Events.Count)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            responses.Add(watch.ResponseStream.Current);
        }

        return responses;
    }

    private static void MustBeTheDeletion(IReadOnlyList<Event> events, long revision)
    {
        Assert.Equal(Enumerable.Range(0, Many).Select(Name), events.Select(change => change.Kv.Key.ToStringUtf8()));
        Assert.All(events, change => Assert.Equal((Event.Types.EventType.Delete, revision), (change.Type, change.Kv.ModRevision)));
    }

    // Long enough that the events of all of them are more than one message.
    private static string Name(int i) => $"k{i:D6}/one-of-very-many";

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);
}
