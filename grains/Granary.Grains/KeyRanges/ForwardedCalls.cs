using Granary.Mvcc.Errors;
using Orleans.Runtime;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Sees to it that a write that comes from another silo is made once. When a connection between silos breaks, Orleans may send a call again
/// that has arrived.
/// </summary>
public sealed class ForwardedCalls
{
    private const string Key = "granary-call";

    // More than can be under way between silos while a connection breaks.
    private const int Remembered = 100_000;

    private readonly Lock _gate = new();
    private readonly HashSet<Guid> _seen = [];
    private readonly Queue<Guid> _order = new();

    /// <summary>Marks the calls that are made from here on as one write, or takes the mark away from them.</summary>
    /// <param name="isForwarded">Whether they go to another silo.</param>
    public static void Mark(bool isForwarded)
    {
        if (isForwarded)
        {
            RequestContext.Set(Key, Guid.NewGuid());
        }
        else if (RequestContext.Get(Key) is not null)
        {
            RequestContext.Remove(Key);
        }
    }

    /// <summary>Notes that the write which is being called for is made now.</summary>
    /// <exception cref="EtcdException">It was made before; its caller has the other answer, or none.</exception>
    public void MakeOnce()
    {
        if (RequestContext.Get(Key) is not Guid call)
        {
            return;
        }

        lock (_gate)
        {
            if (!_seen.Add(call))
            {
                throw new EtcdException(EtcdError.Timeout, outcomeUnknown: true);
            }

            _order.Enqueue(call);
            if (_order.Count > Remembered)
            {
                _seen.Remove(_order.Dequeue());
            }
        }
    }
}
