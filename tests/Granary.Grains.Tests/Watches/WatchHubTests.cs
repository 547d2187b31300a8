using CsCheck;
using Google.Protobuf;
using Granary.Grains.Watches;
using Granary.Model;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Streams;
using FilterType = Granary.Protos.WatchCreateRequest.Types.FilterType;

namespace Granary.Grains.Tests.Watches;

/// <summary>
/// The hub under random writes, compactions, lagging, repeated and lost deliveries, cancels and slow readers: what each watcher
/// receives is the filtered history from its start revision, whatever happened on the way.
/// </summary>
public sealed class WatchHubTests
{
    private static readonly Gen<WatchCreateRequest> Create = Gen.Select(
        RandomRequests.Key, RandomRequests.RangeEnd, Gen.Int[-6, 4], Gen.Bool, Gen.Bool, Gen.Bool,
        Gen.Frequency((6, Gen.Const<FilterType[]>([])), (1, Gen.Const<FilterType[]>([FilterType.Noput])), (1, Gen.Const<FilterType[]>([FilterType.Nodelete]))),
        (key, end, start, previous, progress, fragment, filters) => new WatchCreateRequest
        {
            Key = key,
            RangeEnd = end,
            StartRevision = start,
            PrevKv = previous,
            ProgressNotify = progress,
            Fragment = fragment,
            Filters = { filters },
        });

    private static readonly Gen<object> Action = Gen.Frequency<object>(
        (8, RandomRequests.Write.Select(request => (object)new WriteAction(request))),
        (1, Gen.Int[0, 6].Select(back => (object)new CompactAction(back))),
        (1, Gen.Int[1, 4].Select(steps => (object)new ReclaimAction(steps))),
        (2, Gen.Int[1, 3].Select(changes => (object)new ApplyDeferredAction(changes))),
        (6, Gen.Select(Gen.Int[1, 5], Gen.Frequency((9, Gen.Const(0)), (1, Gen.Int[-3, 3])), (count, skip) => (object)new DeliverAction(count, skip))),
        (3, Gen.Select(Gen.Int[1, 2], Create, (stream, request) => (object)new CreateAction(stream, request, IsRelative: true))),
        (1, Gen.Select(Gen.Int[1, 2], Gen.Int[0, 3], (stream, id) => (object)new CancelAction(stream, id))),
        (4, Gen.Select(Gen.Int[1, 2], Gen.Int[1, 6], (stream, count) => (object)new TakeAction(stream, count))),
        (3, Gen.Const((object)new BeginPassAction())),
        (3, Gen.Const((object)new EndPassAction())),
        (1, Gen.Const((object)new StandStillAction())),
        (2, Gen.Select(Gen.Int[1, 2], Gen.Bool, (stream, asked) => (object)new ProgressAction(stream, asked))));

    [Fact]
    public void Every_watcher_receives_the_filtered_history_from_its_start_revision_and_progress_never_overtakes_it() =>
        Gen.Select(Action.Array[1, 80], Gen.Int[1, 6], Gen.Int[1, 6]).Sample(
            (actions, listedDeletions, changesPerPass) =>
            {
                using var world = new World(listedDeletions, changesPerPass);
                foreach (var action in actions)
                {
                    world.Do(action);
                }

                world.Settle();
                world.MustHaveToldAll();
            },
            iter: 6000, threads: 2, print: sample => $"{sample.Item2} {sample.Item3}\n{string.Join('\n', sample.Item1)}");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_is_behind_only_since_a_deletion_was_large_is_told_all_of_it_though_it_is_compacted_at_once(bool isOfLease)
    {
        using var world = new World(listedDeletions: 10, changesPerPass: 8);
        world.Do(new WriteAction(new LeaseGrantRequest { ID = 7, TTL = 100 }));
        for (var i = 0; i < 100; i++)
        {
            world.Do(new WriteAction(new PutRequest { Key = Key($"k{i:D2}"), Value = Key("v"), Lease = isOfLease ? 7 : 0 }));
        }

        world.Do(new DeliverAction(int.MaxValue, 0));
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k2"), RangeEnd = Key("k7"), Fragment = true, PrevKv = true }));
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k99") }));
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("l"), RangeEnd = Key("m") }));
        world.Do(new CreateAction(2, new WatchCreateRequest { Key = Key("k"), RangeEnd = Key("l") }));
        world.Do(new WriteAction(isOfLease ? new LeaseRevokeRequest { ID = 7 } : new DeleteRangeRequest { Key = Key("k"), RangeEnd = Key("l") }));
        world.Do(new WriteAction(new PutRequest { Key = Key("k50"), Value = Key("again") }));
        world.Do(new DeliverAction(int.MaxValue, 0));

        // Whoever watches elsewhere is not even behind.
        Assert.Equal(3, world.Owed);
        world.Do(new CompactAction(0));
        world.Do(new ApplyDeferredAction(1000));
        world.Do(new ReclaimAction(1000));
        world.Settle();
        Assert.DoesNotContain(world.Received(1).Concat(world.Received(2)), response => response.Canceled);
        world.MustHaveToldAll();
        Assert.Equal(51, world.Received(1).Where(response => response.WatchId == 0).Sum(response => response.Events.Count));
        Assert.Contains(world.Received(1), response => response.Fragment);
        Assert.DoesNotContain(world.Received(2), response => response.Fragment);
        world.Do(new ReclaimAction(1000));
        Assert.Equal(0, world.Owed);
        Assert.True(world.IsReclaimed);
    }

    [Fact]
    public void Etcd_20221_nothing_below_its_start_revision_reaches_a_watcher_of_the_future_not_even_progress()
    {
        // One place decides: an event is offered only at or above Watcher.Next, progress only at or above StartRevision.
        using var world = new World();
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k"), StartRevision = 5, ProgressNotify = true }));
        for (var i = 0; i < 6; i++)
        {
            world.Do(new WriteAction(new PutRequest { Key = Key("k") }));
            world.Do(new DeliverAction(1, 0));
            world.Do(new ProgressAction(1, Asked: true));
            world.Do(new ProgressAction(1, Asked: false));
        }

        world.Settle();
        var received = world.Received(1).Where(response => !response.Created).ToList();
        Assert.Equal(5, received[0].Header.Revision);
        Assert.Equal(5, received[0].Events[0].Kv.ModRevision);
        Assert.All(received, response => Assert.True(response.Header.Revision >= 5));
        world.MustHaveToldAll();
    }

    [Fact]
    public void Etcd_17529_a_thousand_watchers_of_one_stream_that_nobody_reads_lose_nothing()
    {
        // An outlet that is full turns events away: the watcher then reads them again from history, so nothing is ever dropped.
        using var world = new World();
        for (var i = 0; i < 1000; i++)
        {
            world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k") }));
        }

        for (var i = 0; i < 50; i++)
        {
            world.Do(new WriteAction(new PutRequest { Key = Key("k") }));
            world.Do(new DeliverAction(1, 0));
        }

        world.Settle();
        Assert.Equal(50_000, world.Received(1).Sum(response => response.Events.Count));
        world.MustHaveToldAll();
    }

    [Fact]
    public void An_idle_watcher_takes_less_than_a_KiB_in_the_hub()
    {
        const int Watchers = 10_000;
        var hub = new WatchHub(position: 1);
        var outlet = new WatchOutlet(1 << 20, requiresLeader: false);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Watchers; i++)
        {
            hub.Create(1, outlet, new WatchCreateRequest { Key = Key($"key{i}"), RangeEnd = Key(i % 2 == 0 ? "" : $"key{i}0") }, 1);
            Assert.True(outlet.TryTake(out _, out _, out _));
        }

        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / Watchers;
        Assert.True(bytes < 1024, $"{bytes} bytes");
        GC.KeepAlive(hub);
    }

    [Fact]
    public void Etcd_15220_progress_never_overtakes_events_that_are_still_queued()
    {
        // Progress goes into the same outlet as the events before it, and only when nobody on the stream is behind.
        using var world = new World();
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k"), ProgressNotify = true }));
        for (var i = 0; i < 200; i++)
        {
            world.Do(new WriteAction(new PutRequest { Key = Key("k"), Value = ByteString.CopyFrom(new byte[300]) }));
            world.Do(new ProgressAction(1, Asked: true));
            world.Do(new DeliverAction(1, 0));
            world.Do(new ProgressAction(1, Asked: i % 2 == 0));
            world.Do(new TakeAction(1, i % 3));
        }

        world.Settle();
        Assert.Contains(world.Received(1), response => response.WatchId == -1);
        world.MustHaveToldAll();
    }

    [Fact]
    public void Etcd_17247_what_a_txn_changed_is_told_once_however_often_it_is_delivered_and_read()
    {
        // Events are made in one place, from the commit; a delivery that comes again is known by its revision.
        using var world = new World();
        world.Do(new CreateAction(2, new WatchCreateRequest { Key = Key("a"), RangeEnd = Key("z") }));
        world.Do(new WriteAction(new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestPut = new PutRequest { Key = Key("b") } },
                new RequestOp { RequestRange = new RangeRequest { Key = Key("b") } },
                new RequestOp { RequestPut = new PutRequest { Key = Key("c") } },
            },
        }));
        world.Do(new DeliverAction(1, 0));
        world.Do(new DeliverAction(1, -1));
        world.Settle();
        Assert.Equal(["b", "c", "settled"], world.Received(2).SelectMany(response => response.Events).Select(change => change.Kv.Key.ToStringUtf8()));
        world.MustHaveToldAll();
    }

    [Fact]
    public void A_key_that_is_deleted_put_and_deleted_at_one_revision_had_before_it_what_it_was_before_the_txn_live_as_in_replay()
    {
        using var world = new World();
        world.Do(new WriteAction(new PutRequest { Key = Key("k"), Value = Key("old") }));
        world.Do(new DeliverAction(1, 0));
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k"), PrevKv = true }));
        var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key("k"), RangeEnd = ByteString.CopyFrom(0) } };
        var put = new RequestOp { RequestPut = new PutRequest { Key = Key("k"), Value = Key("new") } };
        world.Do(new WriteAction(new TxnRequest
        {
            Success = { delete, new RequestOp { RequestTxn = new TxnRequest { Success = { put } } }, new RequestOp { RequestTxn = new TxnRequest { Success = { delete } } } },
        }));
        world.Do(new DeliverAction(1, 0));
        world.Do(new CreateAction(2, new WatchCreateRequest { Key = Key("k"), StartRevision = 3, PrevKv = true }));
        world.Settle();
        foreach (var stream in (int[])[1, 2])
        {
            Assert.Equal(["old", null, "old"], world.Received(stream).SelectMany(response => response.Events).Select(change => change.PrevKv?.Value.ToStringUtf8()));
        }
    }

    [Fact]
    public void Etcd_18089_and_19179_a_watch_from_the_compacted_revision_sees_the_deletion_there()
    {
        // Compaction removes what events up to it have superseded, and events below it: never those of the revision itself.
        using var world = new World();
        world.Do(new WriteAction(new PutRequest { Key = Key("k") }));
        world.Do(new WriteAction(new DeleteRangeRequest { Key = Key("k") }));
        world.Do(new CompactAction(0));
        world.Do(new ReclaimAction(100));
        world.Do(new CreateAction(1, new WatchCreateRequest { Key = Key("k"), StartRevision = 3, PrevKv = true }));
        world.Settle();
        var told = Assert.Single(world.Received(1).SelectMany(response => response.Events));
        Assert.Equal((Event.Types.EventType.Delete, 3L), (told.Type, told.Kv.ModRevision));
        world.MustHaveToldAll();
    }

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);

    private sealed record WriteAction(IMessage Request);

    private sealed record CompactAction(int Back);

    private sealed record ReclaimAction(int Steps);

    private sealed record ApplyDeferredAction(int Changes);

    private sealed record DeliverAction(int Count, int Skip);

    // A start revision may be told as a distance to the present, so that past, present and future are all met; 4 means "now".
    private sealed record CreateAction(int Stream, WatchCreateRequest Request, bool IsRelative = false);

    private sealed record CancelAction(int Stream, int Id);

    private sealed record TakeAction(int Stream, int Count);

    private sealed record BeginPassAction;

    private sealed record EndPassAction;

    private sealed record StandStillAction;

    private sealed record ProgressAction(int Stream, bool Asked);

    /// <summary>A hub over a replica, two clients, and what they were sent.</summary>
    private sealed class World : IDisposable
    {
        private readonly ReplicatedModel _store;
        private readonly WatchHub _hub;
        private readonly HistoryHold _hold = new(TimeProvider.System);
        private readonly PhysicalCompaction _compaction;
        private readonly Dictionary<int, Client> _clients = new() { [1] = new Client(900), [2] = new Client(1 << 20) };
        private CatchUpPass? _pass;
        private long _cursor = 2;

        public World(int listedDeletions = int.MaxValue - 1, int changesPerPass = 4)
        {
            _store = new ReplicatedModel(listedDeletions);
            _hub = new WatchHub(position: 1, changesPerPass);
            _compaction = new PhysicalCompaction(_store.Replica, 2);
            NotePosition();
        }

        public int Owed => _hub.OwedCount;

        public bool IsReclaimed => _compaction.IsDone;

        public List<WatchResponse> Received(int stream) => _clients[stream].Received;

        public void Do(object action)
        {
            switch (action)
            {
                case WriteAction write:
                    _store.Write(write.Request);
                    break;
                case CompactAction compact:
                    _store.Compact(_store.Model.Revision - compact.Back);
                    break;
                case ReclaimAction reclaim:
                    for (var i = 0; i < reclaim.Steps && _hold.TryRemove(_store.Replica.State.CompactedRevision); i++)
                    {
                        _compaction.Step();
                    }

                    break;
                case ApplyDeferredAction apply:
                    _store.ApplyDeferred(apply.Changes);
                    break;
                case DeliverAction deliver:
                    Deliver(deliver.Count, deliver.Skip);
                    break;
                case CreateAction create:
                    Create(create);
                    break;
                case CancelAction cancel:
                    _clients[cancel.Stream].Cancelled.Add(cancel.Id);
                    _hub.Cancel(cancel.Stream, cancel.Id, _store.Replica.State.Revision);
                    break;
                case TakeAction take:
                    for (var i = 0; i < take.Count && Take(take.Stream); i++)
                    {
                    }

                    break;
                case BeginPassAction when _pass is null:
                    _pass = _hub.NextPass();
                    _pass?.Run(_store.Replica, _hold);
                    break;
                case EndPassAction when _pass is not null:
                    _hub.Complete(_pass);
                    _pass = null;
                    NotePosition();
                    break;
                case StandStillAction when _hub.Position < _store.Replica.State.Revision:
                    _hub.GoOnWithoutStream(_store.Replica.State.Revision);
                    NotePosition();
                    break;
                case ProgressAction { Asked: true } progress:
                    _hub.RequestProgress(progress.Stream, _store.Replica.State.Revision);
                    break;
                case ProgressAction progress:
                    _hub.NotifyProgress(progress.Stream, _store.Replica.State.Revision);
                    break;
            }
        }

        /// <summary>The stream delivers all, the clients read all, nobody is behind any more.</summary>
        public void Settle()
        {
            if (_pass is not null)
            {
                Do(new EndPassAction());
            }

            // One more commit, so that a gap at the end is seen.
            _store.Write(new PutRequest { Key = Key("settled") });
            Deliver(int.MaxValue, 0);
            for (var idle = 0; idle < 2;)
            {
                idle++;
                foreach (var stream in _clients.Keys)
                {
                    while (Take(stream))
                    {
                        idle = 0;
                    }
                }

                while (_hub.NextPass() is { } pass)
                {
                    pass.Run(_store.Replica, _hold);
                    _hub.Complete(pass);
                    NotePosition();
                    idle = 0;
                }
            }
        }

        public void MustHaveToldAll()
        {
            foreach (var client in _clients.Values)
            {
                foreach (var (id, created) in client.Created)
                {
                    MustHaveTold(client, id, created);
                }
            }
        }

        public void Dispose() => _store.Dispose();

        private void Create(CreateAction action)
        {
            var client = _clients[action.Stream];
            var request = action.Request.Clone();
            if (action.IsRelative)
            {
                request.StartRevision = request.StartRevision == 4 ? 0 : Math.Max(1, _store.Model.Revision + 1 + request.StartRevision);
            }

            if (request.Key.IsEmpty || new Mvcc.Keys.KeyRange(request.Key, request.RangeEnd).IsEmpty)
            {
                return;
            }

            var start = request.StartRevision == 0 ? _store.Replica.State.Revision + 1 : request.StartRevision;
            client.Created.Add(client.NextId++, (request, start));
            _hub.Create(action.Stream, client.Outlet, request, _store.Replica.State.Revision);
        }

        private void Deliver(int count, int skip)
        {
            _cursor = Math.Clamp(_cursor + skip, 2, _store.Replica.State.Revision + 1);
            while (count > 0)
            {
                if (CommitReader.Read(_store.Replica, _cursor, count) is not { } commits)
                {
                    // Compacted: the stream goes on at the oldest revision that there is.
                    _cursor = _store.Replica.State.CompactedRevision;
                    continue;
                }

                if (commits.Length == 0)
                {
                    return;
                }

                foreach (var commit in commits)
                {
                    _hub.Deliver(commit);
                    _cursor = commit.Revision + 1;
                    count--;
                }

                NotePosition();
            }
        }

        private void NotePosition() => _hold.Note(_hub.Position, _hub.OwedRevision(), _hub.OwedSteps);

        private bool Take(int stream)
        {
            var client = _clients[stream];
            if (!client.Outlet.TryTake(out var outgoing, out _, out var roomAgain))
            {
                return false;
            }

            client.Received.Add(outgoing.Response);
            if (roomAgain)
            {
                _hub.Resume(stream);
            }

            return true;
        }

        private void MustHaveTold(Client client, long id, (WatchCreateRequest Request, long Start) created)
        {
            var (request, start) = created;
            var received = Whole(client.Received);
            var own = received.Where(response => response.WatchId == id).ToList();
            Assert.True(own[0].Created, "the created reply comes first");
            var expected = Expected(request, start).GroupBy(entry => entry.Revision).ToList();
            var next = 0;
            long progress = 0;
            var isCanceled = false;
            foreach (var response in received.Where(response => (response.WatchId == id && !response.Created) || response.WatchId == -1))
            {
                if (response.WatchId == -1)
                {
                    if (received.IndexOf(own[0]) < received.IndexOf(response) && !isCanceled)
                    {
                        MustBeTrueProgress(response.Header.Revision);
                    }

                    continue;
                }

                Assert.False(isCanceled, "nothing follows a cancel");
                if (response.Canceled)
                {
                    isCanceled = true;
                    Assert.True(response.CompactRevision == 0 || next == expected.Count || expected[next].Key < response.CompactRevision
                        || start < response.CompactRevision);
                    continue;
                }

                if (response.Events.Count == 0)
                {
                    MustBeTrueProgress(response.Header.Revision);
                    continue;
                }

                Assert.True(response.Header.Revision >= response.Events[^1].Kv.ModRevision);
                foreach (var revision in response.Events.GroupBy(change => change.Kv.ModRevision))
                {
                    Assert.True(revision.Key > progress, $"an event of revision {revision.Key} follows the progress {progress}");
                    PassOverWhatIsGone(revision.Key);
                    Assert.True(next < expected.Count && expected[next].Key == revision.Key, $"revision {revision.Key} comes out of order, twice, or in pieces");
                    MustEqual([.. expected[next]], [.. revision], request);
                    next++;
                }
            }

            PassOverWhatIsGone(long.MaxValue);
            if (!isCanceled)
            {
                Assert.True(next == expected.Count, $"watcher {id} was told of {next} of {expected.Count} revisions");
            }

            // Read at the compacted revision, where only the last change of each key is left, a filter may leave nothing of it.
            void PassOverWhatIsGone(long before)
            {
                while (next < expected.Count && expected[next].Key < before && expected[next].Key <= _store.Model.CompactedRevision
                    && !expected[next].Any(IsLastOfItsKey))
                {
                    next++;
                }
            }

            void MustBeTrueProgress(long revision)
            {
                PassOverWhatIsGone(revision + 1);
                Assert.True(revision >= request.StartRevision, "progress below the start revision");
                Assert.True(next == expected.Count || expected[next].Key > revision, $"progress {revision} overtook revision {(next < expected.Count ? expected[next].Key : 0)}");
                progress = Math.Max(progress, revision);
            }
        }

        /// <summary>Puts fragments together as etcd's client does: those of one response come next to each other.</summary>
        private static List<WatchResponse> Whole(List<WatchResponse> received)
        {
            var whole = new List<WatchResponse>();
            WatchResponse? parts = null;
            foreach (var response in received)
            {
                if (parts is not null && response is { Canceled: true } && response.WatchId == parts.WatchId)
                {
                    // The client has left, or the rest is compacted.
                    parts = null;
                }

                Assert.True(parts is null || parts.WatchId == response.WatchId, "another response came between fragments");
                if (parts is null && !response.Fragment)
                {
                    whole.Add(response);
                    continue;
                }

                parts ??= new WatchResponse { WatchId = response.WatchId };
                parts.Header = response.Header;
                parts.Events.Add(response.Events);
                if (!response.Fragment)
                {
                    whole.Add(parts);
                    parts = null;
                }
            }

            Assert.Null(parts);
            return whole;
        }

        private List<ModelEvent> Expected(WatchCreateRequest request, long start)
        {
            var keys = new Mvcc.Keys.KeyRange(request.Key, request.RangeEnd);
            return [.. _store.Model.History.Where(change =>
                change.Revision >= start
                && keys.Contains(change.Key)
                && !request.Filters.Contains(change.Pair is null ? FilterType.Nodelete : FilterType.Noput))];
        }

        private bool IsLastOfItsKey(ModelEvent change) =>
            ReferenceEquals(change, _store.Model.History.Last(other => other.Revision == change.Revision && other.Key.Equals(change.Key)));

        private void MustEqual(List<ModelEvent> expected, List<Event> received, WatchCreateRequest request)
        {
            var revision = expected[0].Revision;
            if (received.Count < expected.Count)
            {
                // Read at the compacted revision, where only the last change of each key is left.
                Assert.True(revision <= _store.Model.CompactedRevision);
                expected = [.. expected.Where(IsLastOfItsKey)];
            }

            Assert.Equal(expected.Count, received.Count);
            for (var i = 0; i < expected.Count; i++)
            {
                var (pair, told) = (expected[i].Pair, received[i]);
                Assert.Equal(pair ?? new KeyValue { Key = expected[i].Key, ModRevision = revision }, told.Kv);
                Assert.Equal(pair is null ? Event.Types.EventType.Delete : Event.Types.EventType.Put, told.Type);
                var previous = request.PrevKv && pair?.CreateRevision != revision
                    ? _store.Model.PairsAt(revision - 1).Find(before => before.Key.Equals(expected[i].Key))
                    : null;
                Assert.True(
                    previous is null ? told.PrevKv is null : previous.Equals(told.PrevKv) || (told.PrevKv is null && revision - 1 < _store.Model.CompactedRevision),
                    $"previous pair of {told}: {previous}");
            }
        }

        private sealed class Client(int capacityBytes)
        {
            public WatchOutlet Outlet { get; } = new(capacityBytes, requiresLeader: false);

            public List<WatchResponse> Received { get; } = [];

            public Dictionary<long, (WatchCreateRequest Request, long Start)> Created { get; } = [];

            public HashSet<long> Cancelled { get; } = [];

            public long NextId { get; set; }
        }
    }
}
