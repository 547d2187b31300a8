using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>The watchers of one rpc. Ids are given from 0 on and never twice, unless the client chose them.</summary>
internal sealed class WatchStream(WatchOutlet outlet)
{
    /// <summary>The id in a response that is about no watcher, or about all.</summary>
    public const long NoWatcher = -1;

    private long _nextId;

    public WatchOutlet Outlet => outlet;

    public Dictionary<long, Watcher> Watchers { get; } = [];

    /// <summary>Watchers that are not in the live group.</summary>
    public int Behind { get; set; }

    /// <summary>The id of a new watcher: the one that the client wants, or the next free one; null when the wanted one is in use.</summary>
    public long? Id(long wanted)
    {
        if (wanted != 0)
        {
            return Watchers.ContainsKey(wanted) ? null : wanted;
        }

        while (Watchers.ContainsKey(_nextId))
        {
            _nextId++;
        }

        return _nextId++;
    }

    /// <summary>Tells the client something that is no event, and has room always.</summary>
    public void Reply(WatchResponse response, long revision)
    {
        response.Header = new ResponseHeader { Revision = revision };
        Outlet.Add(new OutgoingResponse(response, EventSize.OfReply));
    }
}
