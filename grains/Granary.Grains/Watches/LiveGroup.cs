using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Streams;

namespace Granary.Grains.Watches;

/// <summary>The watchers that are told of each commit as it comes, by what they watch.</summary>
/// <param name="fallBehind">Told of a watcher whose client has no room, and of the revision that it goes without.</param>
internal sealed class LiveGroup(Action<Watcher, long> fallBehind)
{
    private readonly KeyRangeIndex<List<Watcher>> _watchers = new();
    private readonly List<List<Watcher>> _matches = [];
    private readonly List<Watcher> _touched = [];

    public void Join(Watcher watcher)
    {
        var group = _watchers.GetOrAdd(watcher.Keys, static () => new List<Watcher>(1));
        watcher.Group = group;
        watcher.Slot = group.Count;
        group.Add(watcher);
    }

    public void Leave(Watcher watcher)
    {
        var group = watcher.Group!;
        var last = group[^1];
        group[watcher.Slot] = last;
        last.Slot = watcher.Slot;
        group.RemoveAt(group.Count - 1);
        watcher.Group = null;
        if (group.Count == 0)
        {
            _watchers.Remove(watcher.Keys);
        }
    }

    /// <summary>Gives the events of a commit to all who watch their keys, one response to each.</summary>
    public void Deliver(Commit commit)
    {
        if (commit.Events.Count == 1)
        {
            DeliverOne(commit);
        }
        else
        {
            DeliverMany(commit);
        }
    }

    /// <summary>Those who watch some of the keys, and are to be told of a revision.</summary>
    public IReadOnlyList<Watcher> Watching(IReadOnlyList<CommitRange> ranges, long revision)
    {
        foreach (var range in ranges)
        {
            _watchers.FindOverlapping(new KeyRange(range.Key, range.RangeEnd), _matches);
        }

        var watching = _matches.SelectMany(static group => group).Where(watcher => watcher.Next <= revision).Distinct().ToList();
        _matches.Clear();
        return watching;
    }

    private void DeliverOne(Commit commit)
    {
        var full = commit.Events[0];
        Event? bare = null;
        _watchers.FindContaining(full.Kv.Key, _matches);
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
            _watchers.FindContaining(full.Kv.Key, _matches);
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
            fallBehind(watcher, commit.Revision);
        }
    }
}
