using Google.Protobuf;
using Grpc.Core;
using static Granary.Conformance.Tests.Requests;
using FilterType = Granary.Protos.WatchCreateRequest.Types.FilterType;

namespace Granary.Conformance.Tests;

/// <summary>Watch streams told the same at both servers, response for response. That nothing comes is shown by what comes next.</summary>
public sealed class WatchScriptTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Puts_deletes_and_txns_come_one_response_a_revision_with_just_the_fields_that_belong()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("a", "z"));
        await watch.Created(On("a", "z", previous: true));
        await Write(Put("b", "1"));
        await Write(Put("b", "2"));
        await Write(Delete("b"));
        await Write(Put("zz"));
        await Write(Txn(then: [Put("c", "1"), Put("d", "2"), Delete("b"), Put("zzz")]));
        await Write(Delete("a", "z"));
        Assert.Equal(2 + (2 * 6), (await watch.SameByWatcher(10)).Sum(response => response.Events.Count));
    }

    [Fact]
    public async Task Ids_are_given_from_0_on_never_twice_and_those_the_client_chose_are_free_again_after_a_cancel()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("a"));
        await watch.Created(On("a", id: 1));
        await watch.Created(On("a"));
        await watch.Created(On("a", id: 2));
        await watch.Created(On("a", id: 100));
        await watch.Created(On("a", id: 100));
        await watch.Cancel(0);
        await watch.Same();
        await watch.Created(On("a"));
        await watch.Cancel(100);
        await watch.Same();
        await watch.Created(On("a", id: 100));
        await watch.Created(On("a", id: -7));

        // No reply to any of these; the next one shows it.
        await watch.Cancel(0);
        await watch.Cancel(12345);
        await watch.Send(new WatchRequest());
        await watch.Cancel(100);
        await watch.Same();
    }

    [Fact]
    public async Task Key_and_range_end_mean_what_they_mean_for_watch()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(On(""));
        await watch.Created(On("b", "a"));
        await watch.Created(On("b", "b"));
        await watch.Created(On("", "\0"));
        await watch.Cancel(0);
        await watch.Same();
        await Write(Put("b"));
        Assert.Equal("b", (await watch.Same()).Events[0].Kv.Key.ToStringUtf8());
        await watch.Created(On("\0"));
        await Write(Put("\0"));
        await watch.SameEvents(2);
        await watch.Created(On("c", "\0", revision: -1));
        await watch.Created(On("b", "a", revision: -1));
        await watch.Created(On("b", "a", id: 1));
    }

    [Fact]
    public async Task A_watch_from_the_past_replays_what_is_not_compacted_to_the_last_detail()
    {
        await Write(Put("a", "1"));
        await Write(Put("a", "2"));
        await Write(Put("b", "1"));
        await Write(Delete("a"));
        await Write(Txn(then: [Put("c", "1"), Delete("b")]));
        await Write(Put("c", "2"));
        using var watch = new PairedWatch(Pair);
        for (var revision = Start + 1; revision <= Start + 7; revision++)
        {
            await watch.Created(On("a", "z", revision: revision, previous: true, id: revision + 1000));
            await watch.SameEvents(Math.Max(0, (int)(Start + 7 - revision)) + (revision <= Start + 5 ? 1 : 0));
            await watch.Cancel(revision + 1000);
            await watch.Same();
        }

        // At the compacted revision itself the tombstone stays, without its previous pair.
        await Same(Compact(Start + 4, physical: true));
        await watch.Created(On("a", "z", revision: Start + 4, previous: true));
        var events = await watch.SameEvents(4);
        Assert.Equal(Event.Types.EventType.Delete, events[0].Type);
        Assert.Null(events[0].PrevKv);
        await watch.Created(On("a", "z", revision: Start + 3));
        var compacted = await watch.Same();
        Assert.Equal((Start + 4, 0, ""), (compacted.CompactRevision, compacted.Header.Revision, compacted.CancelReason));
        await watch.Created(On("a", "z", revision: 1));
        await watch.Same();
        await watch.Created(On("c", revision: Start + 100));
        await watch.Cancel(0);
        await watch.Same();
        await Write(Put("c", "3"));
        await watch.Created(On("d"));
    }

    [Fact]
    public async Task Both_events_of_one_key_at_one_revision_are_told_live_and_in_replay_and_the_last_one_alone_once_compacted_there()
    {
        await Write(Put("k", "old"));
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("k", previous: true));

        // An end beyond the key hides the overlap from the check of duplicate keys.
        await Write(Txn(then: [Delete("k", "\0"), Put("k", "new")]));
        await watch.Same();
        await watch.Created(On("k", revision: Start + 2, previous: true));
        await watch.SameEvents(2);
        await Write(Txn(then: [Txn(then: [Put("k", "newer")]), Txn(then: [Delete("k", "\0")])]));
        await watch.SameEvents(4);
        await watch.Created(On("k", revision: Start + 2, previous: true));
        await watch.SameEvents(4);
        await Same(Compact(Start + 3, physical: true));
        await watch.Created(On("k", revision: Start + 3, previous: true));
        await watch.SameEvents(1);
    }

    [Fact]
    public async Task Filters_drop_what_they_name_and_a_response_that_would_be_empty_is_none()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("a", "z", filters: [FilterType.Noput]));
        await watch.Created(On("a", "z", filters: [FilterType.Nodelete, FilterType.Nodelete]));
        await watch.Created(On("a", "z", filters: [FilterType.Noput, FilterType.Nodelete]));
        await watch.Created(On("a", "z", filters: [(FilterType)17]));
        await Write(Put("b"));
        await watch.SameByWatcher(2);
        await Write(Delete("b"));
        await watch.SameByWatcher(2);
        await watch.Created(On("a", "z", revision: Start + 1, filters: [FilterType.Noput], id: 50));
        await watch.Same();
    }

    [Fact]
    public async Task Progress_is_told_on_request_only_when_nobody_on_the_stream_is_behind_or_in_the_future()
    {
        using var watch = new PairedWatch(Pair);
        await watch.RequestProgress();
        await watch.Created(On("a"));
        await watch.RequestProgress();
        Assert.Equal((-1, Start), await Progress(watch));
        await Write(Put("a"));
        await watch.Same();
        await Write(Put("unwatched"));
        await watch.RequestProgress();
        Assert.Equal((-1, Start + 2), await Progress(watch));

        // One that is in the future silences it until the store gets there.
        await watch.Created(On("b", revision: Start + 4));
        await watch.RequestProgress();
        await watch.Created(On("c"));
        await Write(Put("unwatched"));
        await watch.RequestProgress();
        await watch.Created(On("d"));
        await Write(Put("unwatched"));
        await watch.RequestProgress();
        Assert.Equal((-1, Start + 4), await Progress(watch));
    }

    [Fact]
    public async Task A_client_that_has_said_all_goes_on_watching()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("a"));
        await watch.Complete();
        await Write(Put("a"));
        await watch.Same();
    }

    [Fact]
    public async Task Large_responses_come_in_pieces_for_those_who_asked_and_whole_for_others()
    {
        var value = new string('v', 700_000);
        for (var i = 0; i < 3; i++)
        {
            await Write(Put("a", value + i));
            await Write(Put("b", value + i));
        }

        using var pieces = new PairedWatch(Pair);
        using var whole = new PairedWatch(Pair);
        await pieces.Created(On("a", "z", revision: Start + 1, fragment: true));
        await whole.Created(On("a", "z", revision: Start + 1));
        await whole.SameEvents(6);
        await pieces.SameEvents(6);

        // One revision is never cut but into fragments.
        await Write(Delete("a", "z"));
        await Write(Txn(then: [Put("a", value), Put("b", value)]));
        await whole.SameEvents(4);
        await pieces.SameEvents(4);
        using var large = new PairedWatch(Pair);
        await large.Created(On("a", "z", previous: true, fragment: true));
        await Write(Txn(then: [Put("a", value), Put("b", value)]));
        var (etcd, subject) = await large.Fragments();
        Assert.Equal(2, subject.Count);
        Assert.Equal(etcd.Select(response => (response.Fragment, response.Events.Count, response.Header.Revision)),
            subject.Select(response => (response.Fragment, response.Events.Count, response.Header.Revision)));
    }

    [Fact]
    public async Task A_compaction_beneath_a_watcher_that_is_up_to_date_changes_nothing()
    {
        await Write(Put("a", "1"));
        using var watch = new PairedWatch(Pair, new Metadata { { "hasleader", "true" } });
        await watch.Created(On("a", revision: Start + 1));
        await watch.Same();
        await Write(Put("a", "2"));
        await watch.Same();
        await Same(Compact(Start + 2));
        await Write(Put("a", "3"));
        await watch.Same();
    }

    [Fact]
    public async Task The_keys_of_a_lease_that_is_revoked_go_at_one_revision_in_order()
    {
        var lease = new LeaseGrantRequest { ID = 4711 + Start, TTL = 600 };
        await SameAnswer(lease);
        using var watch = new PairedWatch(Pair);
        await watch.Created(On("a", "z", previous: true));
        foreach (var key in (string[])["c", "a", "b"])
        {
            await Write(Put(key, lease: lease.ID));
            await watch.Same();
        }

        await SameAnswer(new LeaseRevokeRequest { ID = lease.ID });
        Assert.Equal(["a", "b", "c"], (await watch.Same()).Events.Select(change => change.Kv.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task Random_scripts_of_writes_watches_and_compactions_give_the_same_events()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        try
        {
            for (var round = 0; round < 15; round++)
            {
                var first = (await Same(Put("start"))).Header.Revision + 1;
                var watches = new List<(PairedWatch Watch, long Next, string Key, string End)>();
                var history = new List<(long Revision, string Key)>();
                var compacted = first;
                for (var step = 0; step < 40; step++)
                {
                    var key = $"{(char)('a' + random.Next(4))}";
                    switch (random.Next(8))
                    {
                        case 0:
                            var watch = new PairedWatch(Pair);
                            var end = random.Next(2) == 0 ? "" : $"{(char)('e' + random.Next(2))}";
                            var now = await Revision();
                            var from = random.Next(3) == 0 ? 0 : random.NextInt64(compacted, now + 3);
                            if (from <= now && !history.Exists(change => change.Revision >= from && IsIn(change.Key, key, end)))
                            {
                                // Nothing would show that etcd has replayed it, and is not overtaken by a compaction.
                                from = 0;
                            }

                            await watch.Created(On(key, end, revision: from, previous: random.Next(2) == 0));

                            // What is past is read at once: a compaction to come might be faster than etcd's replay.
                            var next = from == 0 ? now + 1 : from;
                            await watch.SameEvents(history.Count(change => change.Revision >= next && IsIn(change.Key, key, end)));
                            watches.Add((watch, Math.Max(next, now + 1), key, end));
                            break;
                        case 1:
                            var target = random.NextInt64(compacted, await Revision() + 1);
                            await SameAnswer(Compact(target));
                            compacted = Math.Max(compacted, target);
                            break;
                        case 2:
                            await Remember(await SameAnswer(Delete(key)), key);
                            break;
                        case 3:
                            await Remember(await SameAnswer(Txn(then: [Put(key, $"{step}"), Put("d2")])), key, "d2");
                            break;
                        default:
                            await Remember(await SameAnswer(Put(key, $"{step}")), key);
                            break;
                    }
                }

                foreach (var (open, from, key, end) in watches)
                {
                    await open.SameEvents(history.Count(change => change.Revision >= from && IsIn(change.Key, key, end)));
                    open.Dispose();
                }

                async Task Remember(Answer _, params string[] keys)
                {
                    var revision = await Revision();
                    if (history.Count == 0 ? revision >= first : revision > history[^1].Revision)
                    {
                        history.AddRange(keys.Select(changed => (revision, changed)));
                    }
                }
            }
        }
        catch (Exception exception)
        {
            throw new Xunit.Sdk.XunitException($"seed {seed}: {exception.Message}", exception);
        }
    }

    private static bool IsIn(string key, string start, string end) =>
        end.Length == 0 ? key == start : string.CompareOrdinal(key, start) >= 0 && string.CompareOrdinal(key, end) < 0;

    private async Task<long> Revision() => (await Same(Range("nothing"))).Header.Revision;

    private static async Task<(long Id, long Revision)> Progress(PairedWatch watch)
    {
        var response = await watch.Same();
        Assert.Empty(response.Events);
        return (response.WatchId, response.Header.Revision);
    }

    private Task<Answer> Write(IMessage request) => SameAnswer(request);

    private static WatchCreateRequest On(
        string key, string end = "", long revision = 0, bool previous = false, long id = 0, bool fragment = false, FilterType[]? filters = null) => new()
        {
            Key = Bytes(key),
            RangeEnd = Bytes(end),
            StartRevision = revision,
            PrevKv = previous,
            WatchId = id,
            Fragment = fragment,
            Filters = { filters ?? [] },
        };
}
