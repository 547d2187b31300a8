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
internal sealed class WatchHub
{

    private static readonly ByteString EmptyKeyMeans = ByteString.CopyFrom(0);

    private readonly Dictionary<long, WatchStream> _streams = [];

    private readonly LiveGroup _live;

    // Watchers that are behind and have room, in the order in which they take part in passes.
    private readonly Queue<Watcher> _behind = new();

    private readonly ProgressReports _progress;

    // Those behind since a commit was too large to be delivered, or was not delivered.
    private readonly HashSet<Watcher> _owed = [];

    private readonly int _changesPerPass;

    /// <param name="position">The last revision that counts as delivered.</param>
    /// <param name="changesPerPass">How many changes one pass over history looks at.</param>
    public WatchHub(long position, int changesPerPass = 8192)
    {
        Position = position;
        _changesPerPass = changesPerPass;
        _live = new LiveGroup(FallBehind);
        _progress = new ProgressReports(_streams);
    }

    /// <summary>The last revision that was delivered to all who are in the live group.</summary>
    public long Position { get; private set; }

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

        stream.Reply(new WatchResponse { WatchId = id!.Value, Created = true }, storeRevision);
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
    public void RequestProgress(long number, long storeRevision) => _progress.Tell(number, storeRevision, ofStream: true, Position);

    /// <summary>Tells the progress of the stream's watchers that want it and were quiet, once the live group has got to <paramref name="storeRevision"/>.</summary>
    public void NotifyProgress(long number, long storeRevision) => _progress.Tell(number, storeRevision, ofStream: false, Position);

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
        else
        {
            _live.Deliver(commit);
        }

        Position = commit.Revision;
        _progress.TellDue(Position);
    }

    /// <summary>The stream delivers nothing although there is something: all who watch are caught up from history instead.</summary>
    public void GoOnWithoutStream(long storeRevision)
    {
        WatchMetrics.Gaps.Add(storeRevision - Position);
        LeaveGapTo(storeRevision + 1);
        Position = storeRevision;
        _progress.TellDue(Position);
    }

    /// <summary>The next pass over history, or null when nobody is behind who has room.</summary>
    public CatchUpPass? NextPass()
    {
        var pass = new CatchUpPass(_changesPerPass);

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
        stream.Reply(new WatchResponse { WatchId = WatchStream.NoWatcher, Created = true, Canceled = true, CancelReason = reason }, storeRevision);

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
            _live.Leave(watcher);
        }

        Count(watcher, -1);
        watcher.State = state;
        Count(watcher, 1);
        if (state == WatcherState.Synced)
        {
            _live.Join(watcher);
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

    /// <summary>A watcher goes, and its client is told of it, if that is still there.</summary>
    private void Drop(Watcher watcher, WatchResponse? reply = null, long revision = 0)
    {
        Move(watcher, WatcherState.Gone);
        watcher.Stream.Watchers.Remove(watcher.Id);
        if (reply is not null)
        {
            watcher.Stream.Reply(reply, revision);
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
        foreach (var watcher in _live.Watching(ranges, revision))
        {
            Owe(watcher, revision);
        }
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
}
