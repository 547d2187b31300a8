using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Grains.Watches;

/// <summary>One watcher: what it wants, and how far it has got.</summary>
internal sealed class Watcher
{
    private readonly bool _noPut;
    private readonly bool _noDelete;

    public Watcher(WatchStream stream, long id, KeyRange keys, WatchCreateRequest request, long next)
    {
        Stream = stream;
        Id = id;
        Keys = keys;
        StartRevision = request.StartRevision;
        PrevKv = request.PrevKv;
        MayFragment = request.Fragment;
        WantsProgress = request.ProgressNotify;
        Place = new EventPlace(next);
        foreach (var filter in request.Filters)
        {
            _noPut |= filter == WatchCreateRequest.Types.FilterType.Noput;
            _noDelete |= filter == WatchCreateRequest.Types.FilterType.Nodelete;
        }
    }

    public WatchStream Stream { get; }

    public long Id { get; }

    public KeyRange Keys { get; }

    /// <summary>The revision that the client asked for, 0 for now.</summary>
    public long StartRevision { get; }

    public bool PrevKv { get; }

    public bool MayFragment { get; }

    public bool WantsProgress { get; }

    /// <summary>The first event that it has not been told of. Only while it is behind can that be in the middle of a revision.</summary>
    public EventPlace Place { get; set; }

    /// <summary>The first revision that it has not been told of to its end. Nothing below it is ever sent.</summary>
    public long Next => Place.Revision;

    /// <summary>Whether it is behind only since a commit was too large to be delivered, or was not: so it is to get everything since then.</summary>
    public bool IsOwed { get; set; }

    /// <summary>Whether it was told of a part of the revision <see cref="Next"/>, as a fragment.</summary>
    public bool IsInFragments { get; set; }

    public WatcherState State { get; set; }

    /// <summary>Whether nothing was sent since its progress was last due.</summary>
    public bool IsQuiet { get; set; } = true;

    /// <summary>The live group that it is in, and its place there; null while it is behind.</summary>
    public List<Watcher>? Group { get; set; }

    public int Slot { get; set; }

    /// <summary>What the commit at work has for it, while the hub goes through a commit of several events.</summary>
    public List<Event>? Collected { get; set; }

    public bool Wants(Event.Types.EventType type) => type == Event.Types.EventType.Put ? !_noPut : !_noDelete;
}
