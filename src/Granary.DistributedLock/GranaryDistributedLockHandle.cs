using Granary.Client;
using Medallion.Threading;

namespace Granary.DistributedLock;

/// <summary>A lock that is held until this is disposed of, or lost.</summary>
public sealed class GranaryDistributedLockHandle : IDistributedSynchronizationHandle
{
    private readonly HeldLock _held;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenRegistration _losing;
    private int _isDisposed;

    internal GranaryDistributedLockHandle(HeldLock held)
    {
        _held = held;
        HandleLostToken = _lost.Token;
        _losing = held.Lost.UnsafeRegister(static handle => ((GranaryDistributedLockHandle)handle!).Lose(), this);
    }

    /// <summary>The fencing revision: each holder's is higher than those of all before. What is protected by the lock refuses a lower one than it has seen.</summary>
    public long Revision => _held.Revision;

    /// <summary>The key by which it is held. A txn with <c>When.Exists(handle.Key)</c> does nothing once the lock is lost.</summary>
    public Bytes Key => _held.Key;

    /// <summary>Canceled when the lock is lost: its lease was revoked, or no server could be reached for its whole time. Giving it back cancels nothing.</summary>
    public CancellationToken HandleLostToken { get; }

    /// <summary>Gives it back. Blocks this thread until that is done: rather use <see cref="DisposeAsync"/>.</summary>
    public void Dispose() => GranaryDistributedLock.Blocking(async () =>
    {
        await DisposeAsync().ConfigureAwait(false);
        return true;
    });

    /// <summary>Gives it back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _losing.Unregister();
            await _held.DisposeAsync().ConfigureAwait(false);
        }
    }

    // Whoever is told may give this back at once, which waits for the lease, which waits for those that it tells: so others tell them.
    private void Lose() => _ = _lost.CancelAsync();
}
