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
    private long _from;

    public IReadOnlyList<Part> Parts => _parts;

    public bool IsEmpty => _parts.Count == 0;

    public bool IsFull => _parts.Count == MaxWatchers;

    /// <summary>The compacted revision of the state that was read.</summary>
    public long CompactedRevision { get; private set; }

    /// <summary>Adds a watcher whose place the pass comes by; false if it does not.</summary>
    public bool TryAdd(Watcher watcher)
    {
        if (IsEmpty)
        {
            _from = watcher.Next;
        }
        else if (watcher.Next < _from || watcher.Next > _from + maxChanges)
        {
            return false;
        }

        _parts.Add(new Part(watcher));
        return true;
    }

    /// <summary>Reads. Touches nothing of the hub's but what never changes.</summary>
    public void Run(Replica replica)
    {
        using var view = replica.View();
        CompactedRevision = view.CompactedRevision;
        var index = new KeyRangeIndex<List<Part>>();
        var from = long.MaxValue;
        foreach (var part in _parts)
        {
            part.IsCompacted = part.Next < CompactedRevision;
            if (!part.IsCompacted)
            {
                index.GetOrAdd(part.Watcher.Keys, static () => new List<Part>(1)).Add(part);
                from = Math.Min(from, part.Next);
            }
        }

        if (index.Count == 0)
        {
            return;
        }

        var to = Read(view, from, index);
        foreach (var part in _parts)
        {
            if (!part.IsCompacted)
            {
                // Whoever resumes from a header must not skip what is still to come: only the last response carries the store's revision.
                part.Complete(to, to == view.Revision ? view.Revision : part.LastRevision);
            }
        }
    }

    /// <summary>Reads from a revision on; returns the last one that was read to its end.</summary>
    private long Read(ReplicaView view, long from, KeyRangeIndex<List<Part>> index)
    {
        var matches = new List<List<Part>>();
        var looked = 0;
        var bytes = 0;
        var isFull = false;
        var revision = from;
        foreach (var change in view.WatchedEvents(from, view.Revision))
        {
            if (change.Revision != revision)
            {
                if (looked >= maxChanges || bytes >= MaxBytes || isFull)
                {
                    return change.Revision - 1;
                }

                revision = change.Revision;
            }

            looked++;
            index.FindContaining(change.ChangedKey, matches);
            Event? full = null;
            Event? bare = null;
            var type = change.IsDelete ? Event.Types.EventType.Delete : Event.Types.EventType.Put;
            foreach (var group in matches)
            {
                foreach (var part in group)
                {
                    if (revision < part.Next || !part.Watcher.Wants(type))
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
                        @event = full ??= view.ReadEvent(change, withPrevious: true);
                    }
                    else
                    {
                        @event = bare ??= full is null ? view.ReadEvent(change, withPrevious: false) : BareEvent.Of(full);
                    }

                    bytes += EventSize.Of(@event) / group.Count;
                    isFull |= part.Add(@event, revision) == MaxRevisionsOfResponse;
                }
            }

            matches.Clear();
        }

        return view.Revision;
    }

    /// <summary>One watcher's part in a pass.</summary>
    internal sealed class Part(Watcher watcher)
    {
        private int _revisions;

        public Watcher Watcher => watcher;

        /// <summary>The first revision that the watcher has not been told of; after the pass, with its response counted.</summary>
        public long Next { get; private set; } = watcher.Next;

        public bool IsCompacted { get; set; }

        public WatchResponse? Response { get; private set; }

        public int SizeBytes { get; private set; } = EventSize.OfReply;

        public long LastRevision { get; private set; }

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

        public void Complete(long readTo, long headerRevision)
        {
            Next = Math.Max(Next, readTo + 1);
            if (Response is not null)
            {
                Response.Header = new ResponseHeader { Revision = headerRevision };
            }
        }
    }
}
