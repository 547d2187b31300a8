using Granary.Mvcc.Errors;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// How many long scans of a silo run at a time: a scan takes a core, and its answer grows in memory as a whole. Those that find no slot wait
/// their turn; beyond a bound they are turned away.
/// </summary>
internal sealed class ScanSlots(int running, int maxWaiting) : IDisposable
{
    private readonly SemaphoreSlim _slots = new(running);
    private int _waiting;

    /// <exception cref="EtcdException">Too many wait already.</exception>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public async ValueTask<Slot> Take(CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _waiting) > maxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new EtcdException(EtcdError.TooManyRequests);
        }

        try
        {
            await _slots.WaitAsync(cancellationToken);
            return new Slot(_slots);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    public void Dispose() => _slots.Dispose();

    /// <summary>A place among those that run; given back when it is disposed.</summary>
    public readonly struct Slot(SemaphoreSlim slots) : IDisposable
    {
        public void Dispose() => slots.Release();
    }
}
