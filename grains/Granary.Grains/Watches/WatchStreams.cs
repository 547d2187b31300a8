using System.Collections.Concurrent;

namespace Granary.Grains.Watches;

/// <summary>The open watch streams of this silo by their number: how the hub, which is called by messages, finds their outlets.</summary>
public sealed class WatchStreams
{
    private readonly ConcurrentDictionary<long, WatchOutlet> _outlets = new();
    private long _last;
    private long _delivered;

    public int Count => _outlets.Count;

    /// <summary>The last revision that the hub has delivered; 0 while there is no hub.</summary>
    public long DeliveredRevision => Volatile.Read(ref _delivered);

    /// <summary>Responses that wait for their clients.</summary>
    public long WaitingResponses => _outlets.Values.Sum(static outlet => (long)outlet.WaitingCount);

    /// <summary>Opens a stream and returns its number.</summary>
    public long Open(WatchOutlet outlet)
    {
        var stream = Interlocked.Increment(ref _last);
        _outlets[stream] = outlet;
        WatchMetrics.Streams.Add(1);
        return stream;
    }

    public void Close(long stream)
    {
        if (_outlets.TryRemove(stream, out _))
        {
            WatchMetrics.Streams.Add(-1);
        }
    }

    internal void NoteDelivered(long revision) => Volatile.Write(ref _delivered, revision);

    internal WatchOutlet? Outlet(long stream) => _outlets.GetValueOrDefault(stream);

    internal IEnumerable<WatchOutlet> Outlets => _outlets.Values;
}
