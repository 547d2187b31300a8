using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Grains.Watches;

/// <summary>
/// One bounded step over history for some of those who are behind: reads what changed from one revision on, once for all of them,
/// beside the hub's turns. What it has read, the hub hands out.
/// </summary>
/// <param name="maxChanges">How many changes it looks at before it ends, at the end of a revision.</param>
internal sealed class CatchUpPass(int maxChanges)
{
    private const int MaxWatchers = 512;

    // Where a pass ends besides: after so many bytes read for watchers, so many revisions for one of them.
    private const int MaxBytes = 1 << 20;
    private const int MaxRevisionsOfResponse = 1000;

    private readonly List<Part> _parts = [];

    public IReadOnlyList<Part> Parts => _parts;

    public bool IsEmpty => _parts.Count == 0;

    public bool IsFull => _parts.Count == MaxWatchers;

    /// <summary>The compacted revision of the state that was read.</summary>
    public long CompactedRevision { get; private set; }

    private Watcher First => _parts[0].Watcher;

    /// <summary>Adds a watcher whose place the pass comes by; false if it does not.</summary>
    public bool TryAdd(Watcher watcher)
    {
        if (!IsEmpty && (watcher.Place.IsBefore(First.Place) || watcher.Next > First.Next + maxChanges || watcher.IsOwed != First.IsOwed))
        {
            return false;
        }

        _parts.Add(new Part(watcher));
        return true;
    }

    /// <summary>Reads. Touches nothing of the hub's but what never changes.</summary>
    /// <param name="replica">The history.</param>
    /// <param name="hold">What of it is kept, though compacted, for those who are owed it.</param>
    public void Run(Replica replica, HistoryHold hold)
    {
        using var view = replica.View();
        CompactedRevision = view.CompactedRevision;

        // Asked behind the view: what is kept by now, the view has.
        var readable = First.IsOwed && hold.IsKept(First.Next) ? Math.Min(First.Next - 1, view.CompactedRevision) : view.CompactedRevision;
        var index = new KeyRangeIndex<List<Part>>();
        EventPlace? from = null;
        foreach (var part in _parts)
        {
            part.IsCompacted = part.Place.Revision < readable;
            if (!part.IsCompacted)
            {
                index.GetOrAdd(part.Watcher.Keys, static () => new List<Part>(1)).Add(part);
                from = from is { } first && !part.Place.IsBefore(first) ? first : part.Place;
            }
        }

        if (from is { } place)
        {
            Read(view, place, readable, index);
        }
    }

    private void Read(ReplicaView view, EventPlace place, long readable, KeyRangeIndex<List<Part>> index)
    {
        var matches = new List<List<Part>>();
        var (looked, bytes) = (0, 0);

        // Of the revision at which the pass is.
        var (lookedBefore, bytesBefore, isCut) = (0, 0, false);
        var isFull = false;
        foreach (var change in readable < view.CompactedRevision ? view.Events(place, view.Revision) : view.WatchedEvents(place, view.Revision))
        {
            if (change.Revision != place.Revision)
            {
                place = new EventPlace(change.Revision);
                if (looked >= maxChanges || bytes >= MaxBytes || isFull)
                {
                    Complete(place);
                    return;
                }

                (lookedBefore, bytesBefore, isCut) = (looked, bytes, false);
            }
            else if (!isCut && (looked - lookedBefore >= maxChanges || bytes - bytesBefore >= MaxBytes))
            {
                isCut = true;
                if (Cut(place))
                {
                    return;
                }
            }

            looked++;
            var here = new EventPlace(change.Revision, change.Sub);
            index.FindContaining(change.ChangedKey, matches);
            Event? full = null;
            Event? bare = null;
            var type = change.IsDelete ? Event.Types.EventType.Delete : Event.Types.EventType.Put;
            foreach (var group in matches)
            {
                foreach (var part in group)
                {
                    if (part.IsComplete || here.IsBefore(part.Place) || !part.Watcher.Wants(type))
                    {
                        continue;
                    }

                    if (full is null && bare is null)
                    {
                        bytes += EventSize.OfReply;
                    }

                    Event @event;
                    if (part.Watcher.PrevKv)
                    {
                        @event = full ??= view.ReadEvent(change, withPrevious: true, readable);
                    }
                    else
                    {
                        @event = bare ??= full is null ? view.ReadEvent(change, withPrevious: false, readable) : BareEvent.Of(full);
                    }

                    bytes += EventSize.Of(@event) / group.Count;
                    isFull |= part.Add(@event, change.Revision) == MaxRevisionsOfResponse;
                }
            }

            matches.Clear();
            place = EventPlace.Behind(change);
        }

        Complete(new EventPlace(view.Revision + 1), view.Revision);
    }

    /// <summary>Everything before a place was read. Whoever resumes from a header must not skip what is still to come.</summary>
    private void Complete(EventPlace place, long? revision = null)
    {
        foreach (var part in _parts)
        {
            part.Complete(place, revision);
        }
    }

    /// <summary>Ends the pass in the middle of a large revision for those who can go on there; true when all can.</summary>
    private bool Cut(EventPlace place)
    {
        var all = true;
        foreach (var part in _parts)
        {
            if (part.CanEndAt(place))
            {
                part.Complete(place, null);
            }

            all &= part.IsComplete;
        }

        return all;
    }

    /// <summary>One watcher's part in a pass.</summary>
    internal sealed class Part(Watcher watcher)
    {
        private int _revisions;

        public Watcher Watcher => watcher;

        /// <summary>The first event that the watcher has not been told of; when complete, with its response counted.</summary>
        public EventPlace Place { get; private set; } = watcher.Place;

        public bool IsCompacted { get; set; }

        /// <summary>Whether nothing is added any more.</summary>
        public bool IsComplete { get; private set; }

        public WatchResponse? Response { get; private set; }

        public int SizeBytes { get; private set; } = EventSize.OfReply;

        private long LastRevision { get; set; }

        /// <summary>Adds an event; returns how many revisions the response holds by now.</summary>
        public int Add(Event @event, long revision)
        {
            Response ??= new WatchResponse { WatchId = watcher.Id };
            Response.Events.Add(@event);
            SizeBytes += EventSize.Of(@event);
            if (LastRevision != revision)
            {
                LastRevision = revision;
                _revisions++;
            }

            return _revisions;
        }

        /// <summary>Whether the part can end in the middle of a revision: whoever takes no fragments gets what it has of one in one response.</summary>
        public bool CanEndAt(EventPlace place) => watcher.MayFragment || LastRevision != place.Revision;

        /// <param name="place">What was read up to.</param>
        /// <param name="revision">The store's revision, if it was all read.</param>
        public void Complete(EventPlace place, long? revision)
        {
            if (IsCompacted || IsComplete)
            {
                return;
            }

            IsComplete = true;
            if (watcher.IsInFragments && place.Revision > watcher.Next)
            {
                // The last fragment, though there may be nothing in it.
                Response ??= new WatchResponse { WatchId = watcher.Id };
                LastRevision = Math.Max(LastRevision, watcher.Next);
            }

            Place = Place.IsBefore(place) ? place : Place;
            if (Response is not null)
            {
                Response.Header = new ResponseHeader { Revision = revision ?? LastRevision };
                Response.Fragment = LastRevision == place.Revision;
            }
        }
    }
}
