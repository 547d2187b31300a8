namespace Granary.Client;

/// <summary>A lock that is held until it is disposed of, or lost with its lease.</summary>
public sealed class HeldLock : IAsyncDisposable
{
    private readonly GranaryLease _lease;

    internal HeldLock(GranaryLease lease, Bytes key, long revision) => (_lease, Key, Revision) = (lease, key, revision);

    /// <summary>The key by which it is held. A txn with <c>When.Exists(held.Key)</c> does nothing once the lock is lost.</summary>
    public Bytes Key { get; }

    /// <summary>The fencing revision: each holder's is higher than those of all before. What is protected by the lock refuses a lower one than it has seen.</summary>
    public long Revision { get; }

    /// <summary>Canceled when the lock is lost, or given back.</summary>
    public CancellationToken Lost => _lease.Lost;

    /// <summary>Gives it back.</summary>
    public ValueTask DisposeAsync() => _lease.DisposeAsync();
}
