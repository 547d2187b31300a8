using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Streams;

namespace Granary.Grains.Watches;

/// <summary>
/// Decides who gets which event: goes through each commit that the stream delivers, finds its watchers, offers it to their outlets.
/// A watcher that is behind is caught up by passes over history and joins the live group at an exact revision. One caller at a time.
/// </summary>
/// <param name="position">The last revision that counts as delivered.</param>
/// <param name="changesPerPass">How many changes one pass over history looks at.</param>
internal sealed class WatchHub(long position, int changesPerPass = 8192)
{
    private const long NoWatcher = -1;

    private static readonly ByteString EmptyKeyMeans = ByteString.CopyFrom(0);

    private readonly Dictionary<long, WatchStream> _streams = [];

    // The live group: watchers by what they watch.
    private readonly KeyRangeIndex<List<Watcher>> _synced = new();

    // Watchers that are behind and have room, in the order in which they take part in passes.
    private readonly Queue<Watcher> _behind = new();

    // Progress that was asked for when the store was ahead of the stream: told as soon as the stream gets there.
    private readonly List<DueProgress> _due = [];

    private readonly List<List<Watcher>> _matches = [];
    private readonly List<Watcher> _touched = [];

    // Those behind since a commit was too large to be delivered, or was not delivered.
    private readonly HashSet<Watcher> _owed = [];

    /// <summary>The last revision that was delivered to all who are in the live group.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Creates a watcher. It starts behind <paramref name="storeRevision"/> unless the request names a revision.</summary>
    public void Create(long number, WatchOutlet outlet, WatchCreateRequest request, long storeRevision)
    {
        var stream = Stream(number, outlet);
        var keys = KeysOf(request);
        long? id = null;
        var refusal = request.StartRevision < 0 ? EtcdError.Compacted.Text
            : keys.IsEmpty ? "mvcc: watcher range is empty"
            : (id = stream.Id(request.WatchId)) is null ? "mvcc: duplicate watch ID provided on the WatchStream"
            : null;
        if (refusal is not null)
        {
            Refuse(stream, refusal, storeRevision);
            return;
        }

        Reply(stream, new WatchResponse { WatchId = id!.Value, Created = true }, storeRevision);
        var watcher = new Watcher(stream, id.Value, keys, request, request.StartRevision == 0 ? storeRevision + 1 : request.StartRevision);
        stream.Watchers.Add(watcher.Id, watcher);
        WatchMetrics.Watchers.Add(1);
        JoinOrWait(watcher);
    }

    /// <summary>The keys that a watcher is to be told of.</summary>
    public static KeyRange KeysOf(WatchCreateRequest request) => new(request.Key.IsEmpty ? EmptyKeyMeans : request.Key, request.RangeEnd);

    /// <summary>Replies that a watcher was not created, and why.</summary>
    public void Refuse(long number, WatchOutlet outlet, string reason, long storeRevision) => Refuse(Stream(number, outlet), reason, storeRevision);

    /// <summary>Cancels a watcher at the client's wish; without a reply if there is none.</summary>
    public void Cancel(long number, long id, long storeRevision)
    {
        if (_streams.TryGetValue(number, out var stream) && stream.Watchers.TryGetValue(id, out var watcher))
        {
            Drop(watcher, new WatchResponse { WatchId = id, Canceled = true }, storeRevision);
        }
    }

    /// <summary>Frees a stream and its watchers.</summary>
    public void Close(long number)
    {
        if (_streams.Remove(number, out var stream))
        {
            foreach (var watcher in stream.Watchers.Values.ToList())
            {
                Drop(watcher);
            }
        }
    }

    /// <summary>Tells the progress of a whole stream, once the live group has got to <paramref name="storeRevision"/>.</summary>
    public void RequestProgress(long number, long storeRevision) => Tell(new DueProgress(number, storeRevision, OfStream: true));

    /// <summary>Tells the progress of the stream's watchers that want it and were quiet, once the live group has got to <paramref name="storeRevision"/>.</summary>
    public void NotifyProgress(long number, long storeRevision) => Tell(new DueProgress(number, storeRevision, OfStream: false));

    /// <summary>The stream's outlet has room again: those that waited for it take part in passes again.</summary>
    public void Resume(long number)
    {
        if (_streams.TryGetValue(number, out var stream))
        {
            Resume(stream);
        }
    }

    /// <summary>Gives a commit to all who watch its keys. What was delivered before is passed over, what is missing is read from history.</summary>
    public void Deliver(Commit commit)
    {
        if (commit.Revision <= Position)
        {
            return;
        }

        if (commit.Revision > Position + 1)
        {
            WatchMetrics.Gaps.Add(commit.Revision - Position - 1);
            LeaveGapTo(commit.Revision);
        }

        if (commit.Unlisted is { } ranges)
        {
            Owe(commit.Revision, ranges);
        }
        else if (commit.Events.Count == 1)
        {
            DeliverOne(commit);
        }
        else
        {
            DeliverMany(commit);
        }

        Position = commit.Revision;
        TellDue();
    }

    /// <summary>The stream delivers nothing although there is something: all who watch are caught up from history instead.</summary>
    public void GoOnWithoutStream(long storeRevision)
    {
        WatchMetrics.Gaps.Add(storeRevision - Position);
        LeaveGapTo(storeRevision + 1);
        Position = storeRevision;
        TellDue();
    }

    /// <summary>The next pass over history, or null when nobody is behind who has room.</summary>
    public CatchUpPass? NextPass()
    {
        var pass = new CatchUpPass(changesPerPass);

        // Whoever is too far ahead of the first one, or behind it, takes part in a later pass.
        for (var looked = _behind.Count; looked > 0 && !pass.IsFull; looked--)
        {
            var watcher = _behind.Dequeue();
            if (watcher.State != WatcherState.Unsynced)
            {
                continue;
            }

            if (!watcher.Stream.Outlet.HasRoom(watcher.Id))
            {
                Move(watcher, WatcherState.Stalled);
            }
            else if (!pass.TryAdd(watcher))
            {
                _behind.Enqueue(watcher);
            }
        }

        return pass.IsEmpty ? null : pass;
    }

    /// <summary>Hands out what a pass has read, and lets those who have caught up join the live group.</summary>
    public void Complete(CatchUpPass pass)
    {
        foreach (var part in pass.Parts)
        {
            var watcher = part.Watcher;
            if (watcher.State == WatcherState.Gone)
            {
                continue;
            }

            if (part.IsCompacted)
            {
                CancelCompacted(watcher, pass.CompactedRevision);
                continue;
            }

            if (part.Response is { } response)
            {
                if (!watcher.Stream.Outlet.TryOffer(new OutgoingResponse(response, part.SizeBytes, watcher.MayFragment)))
                {
                    Move(watcher, WatcherState.Stalled);
                    continue;
                }

                watcher.IsQuiet = false;
                WatchMetrics.Events.Add(response.Events.Count);
                if (watcher.IsInFragments && !response.Fragment)
                {
                    // The others of the stream had to wait for its last fragment.
                    Resume(watcher.Stream);
                }

                watcher.IsInFragments = response.Fragment;
            }

            OwedSteps += watcher.IsOwed && watcher.Place != part.Place ? 1 : 0;
            watcher.Place = part.Place;
            JoinOrWait(watcher);
        }
    }

    /// <summary>A pass could not read: its watchers wait for the next one.</summary>
    public void Abandon(CatchUpPass pass)
    {
        foreach (var part in pass.Parts)
        {
            _behind.Enqueue(part.Watcher);
        }
    }

    /// <summary>How many are owed what they have not been told of.</summary>
    public int OwedCount => _owed.Count;

    /// <summary>Grows whenever somebody has got a part of what is owed.</summary>
    public long OwedSteps { get; private set; }

    /// <summary>The first revision that someone has not been told of to its end who is owed all; null when nobody is.</summary>
    public long? OwedRevision() => _owed.Count == 0 ? null : _owed.Min(static watcher => watcher.Next);

    private WatchStream Stream(long number, WatchOutlet outlet)
    {
        if (!_streams.TryGetValue(number, out var stream))
        {
            _streams.Add(number, stream = new WatchStream(outlet));
        }

        return stream;
    }

    private static void Refuse(WatchStream stream, string reason, long storeRevision) =>
        Reply(stream, new WatchResponse { WatchId = NoWatcher, Created = true, Canceled = true, CancelReason = reason }, storeRevision);

    private static void Reply(WatchStream stream, WatchResponse response, long revision)
    {
        response.Header = new ResponseHeader { Revision = revision };
        stream.Outlet.Add(new OutgoingResponse(response, EventSize.OfReply));
    }

    /// <summary>Puts a watcher into the live group if that goes on where it is, else into the queue for passes over history.</summary>
    private void JoinOrWait(Watcher watcher)
    {
        if (watcher.Next > Position && watcher.Place.Sub == 0)
        {
            Move(watcher, WatcherState.Synced);
        }
        else
        {
            Move(watcher, WatcherState.Unsynced);
            _behind.Enqueue(watcher);
        }
    }

    /// <summary>Changes a watcher's state, and with it the live group and all that is counted by state.</summary>
    private void Move(Watcher watcher, WatcherState state)
    {
        if (watcher.State == WatcherState.Synced)
        {
            Leave(watcher);
        }

        Count(watcher, -1);
        watcher.State = state;
        Count(watcher, 1);
        if (state == WatcherState.Synced)
        {
            Join(watcher);
        }

        if (watcher.IsOwed && state is WatcherState.Synced or WatcherState.Gone)
        {
            watcher.IsOwed = false;
            _owed.Remove(watcher);
        }
    }

    private static void Count(Watcher watcher, int one)
    {
        if (watcher.State is WatcherState.Unsynced or WatcherState.Stalled)
        {
            watcher.Stream.Behind += one;
            WatchMetrics.Behind.Add(one);
        }

        switch (watcher.State)
        {
            case WatcherState.Synced:
                WatchMetrics.Synced.Add(one);
                break;
            case WatcherState.Unsynced:
                WatchMetrics.Unsynced.Add(one);
                break;
            case WatcherState.Stalled:
                WatchMetrics.Stalled.Add(one);
                break;
        }
    }

    private void Join(Watcher watcher)
    {
        var group = _synced.GetOrAdd(watcher.Keys, static () => new List<Watcher>(1));
        watcher.Group = group;
        watcher.Slot = group.Count;
        group.Add(watcher);
    }

    private void Leave(Watcher watcher)
    {
        var group = watcher.Group!;
        var last = group[^1];
        group[watcher.Slot] = last;
        last.Slot = watcher.Slot;
        group.RemoveAt(group.Count - 1);
        watcher.Group = null;
        if (group.Count == 0)
        {
            _synced.Remove(watcher.Keys);
        }
    }

    /// <summary>A watcher goes, and its client is told of it, if that is still there.</summary>
    private void Drop(Watcher watcher, WatchResponse? reply = null, long revision = 0)
    {
        Move(watcher, WatcherState.Gone);
        watcher.Stream.Watchers.Remove(watcher.Id);
        if (reply is not null)
        {
            Reply(watcher.Stream, reply, revision);
        }

        if (watcher.IsInFragments)
        {
            watcher.IsInFragments = false;
            watcher.Stream.Outlet.EndFragments();
            Resume(watcher.Stream);
        }

        WatchMetrics.Watchers.Add(-1);
    }

    // The id is free at once, and progress no longer waits for it; etcd keeps both until the client reacts.
    private void CancelCompacted(Watcher watcher, long compactedRevision)
    {
        WatchMetrics.Compacted.Add(1);
        Drop(watcher, new WatchResponse { WatchId = watcher.Id, Canceled = true, CompactRevision = compactedRevision }, 0);
    }

    private void FallBehind(Watcher watcher, long next)
    {
        watcher.Place = new EventPlace(next);
        Move(watcher, WatcherState.Stalled);
        WatchMetrics.FellBehind.Add(1);
    }

    private void Resume(WatchStream stream)
    {
        foreach (var watcher in stream.Watchers.Values)
        {
            if (watcher.State == WatcherState.Stalled)
            {
                Move(watcher, WatcherState.Unsynced);
                _behind.Enqueue(watcher);
            }
        }
    }

    /// <summary>A commit is too large to be delivered: who watches one of its ranges reads it from history, in pieces.</summary>
    private void Owe(long revision, IReadOnlyList<CommitRange> ranges)
    {
        foreach (var range in ranges)
        {
            _synced.FindOverlapping(new KeyRange(range.Key, range.RangeEnd), _matches);
        }

        foreach (var watcher in _matches.SelectMany(static group => group).Where(watcher => watcher.Next <= revision).Distinct().ToList())
        {
            Owe(watcher, revision);
        }

        _matches.Clear();
    }

    /// <summary>A watcher leaves the live group, not for lack of room at its client: so it is owed what comes next.</summary>
    private void Owe(Watcher watcher, long next)
    {
        watcher.Place = new EventPlace(next);
        watcher.IsOwed = true;
        _owed.Add(watcher);
        Move(watcher, WatcherState.Unsynced);
        _behind.Enqueue(watcher);
    }

    private void LeaveGapTo(long revision)
    {
        foreach (var stream in _streams.Values)
        {
            foreach (var watcher in stream.Watchers.Values)
            {
                if (watcher.State == WatcherState.Synced && watcher.Next < revision)
                {
                    Owe(watcher, Math.Max(watcher.Next, Position + 1));
                }
            }
        }
    }

    private void DeliverOne(Commit commit)
    {
        var full = commit.Events[0];
        Event? bare = null;
        _synced.FindContaining(full.Kv.Key, _matches);
        foreach (var group in _matches)
        {
            // From the end, since who falls behind is replaced by the last one.
            for (var i = group.Count - 1; i >= 0; i--)
            {
                var watcher = group[i];
                if (commit.Revision >= watcher.Next && watcher.Wants(full.Type))
                {
                    var @event = watcher.PrevKv ? full : bare ??= BareEvent.Of(full);
                    var response = new WatchResponse();
                    response.Events.Add(@event);
                    Offer(watcher, commit, response, EventSize.OfReply + EventSize.Of(@event));
                }
            }
        }

        _matches.Clear();
    }

    private void DeliverMany(Commit commit)
    {
        foreach (var full in commit.Events)
        {
            Event? bare = null;
            _synced.FindContaining(full.Kv.Key, _matches);
            foreach (var group in _matches)
            {
                foreach (var watcher in group)
                {
                    if (commit.Revision >= watcher.Next && watcher.Wants(full.Type))
                    {
                        if (watcher.Collected is null)
                        {
                            watcher.Collected = [];
                            _touched.Add(watcher);
                        }

                        watcher.Collected.Add(watcher.PrevKv ? full : bare ??= BareEvent.Of(full));
                    }
                }
            }

            _matches.Clear();
        }

        foreach (var watcher in _touched)
        {
            var response = new WatchResponse();
            var size = EventSize.OfReply;
            foreach (var @event in watcher.Collected!)
            {
                response.Events.Add(@event);
                size += EventSize.Of(@event);
            }

            watcher.Collected = null;
            Offer(watcher, commit, response, size);
        }

        _touched.Clear();
    }

    private void Offer(Watcher watcher, Commit commit, WatchResponse response, int size)
    {
        response.WatchId = watcher.Id;
        response.Header = new ResponseHeader { Revision = commit.Revision };
        if (watcher.Stream.Outlet.TryOffer(new OutgoingResponse(response, size, watcher.MayFragment, commit.TraceParent)))
        {
            watcher.IsQuiet = false;
            WatchMetrics.Events.Add(response.Events.Count);
        }
        else
        {
            FallBehind(watcher, commit.Revision);
        }
    }

    private void Tell(DueProgress progress)
    {
        if (!TryTell(progress))
        {
            _due.Add(progress);
        }
    }

    private void TellDue()
    {
        for (var i = 0; i < _due.Count;)
        {
            if (TryTell(_due[i]))
            {
                _due.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
    }

    private bool TryTell(DueProgress progress)
    {
        if (Position < progress.Revision)
        {
            return false;
        }

        if (!_streams.TryGetValue(progress.Stream, out var stream))
        {
            return true;
        }

        if (progress.OfStream)
        {
            if (stream.Watchers.Count > 0 && stream.Behind == 0 && stream.Watchers.Values.All(watcher => watcher.StartRevision <= Position))
            {
                Reply(stream, new WatchResponse { WatchId = NoWatcher }, Position);
            }

            return true;
        }

        foreach (var watcher in stream.Watchers.Values)
        {
            if (!watcher.WantsProgress)
            {
                continue;
            }

            if (watcher.IsQuiet && watcher.State == WatcherState.Synced && watcher.StartRevision <= Position)
            {
                Reply(stream, new WatchResponse { WatchId = watcher.Id }, Position);
            }

            watcher.IsQuiet = true;
        }

        return true;
    }

    /// <param name="Stream">The stream whose progress it is.</param>
    /// <param name="Revision">The revision that the live group must have got to.</param>
    /// <param name="OfStream">Whether it was asked for, and is of all watchers together.</param>
    private readonly record struct DueProgress(long Stream, long Revision, bool OfStream);
}
