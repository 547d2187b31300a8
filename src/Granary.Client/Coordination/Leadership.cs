namespace Granary.Client;

/// <summary>An election that was won. It is held until it is disposed of, which resigns, or lost with its lease.</summary>
public sealed class Leadership : IAsyncDisposable
{
    private readonly IGranaryClient _client;
    private readonly GranaryLease _lease;

    internal Leadership(IGranaryClient client, GranaryLease lease, Bytes key, long revision) =>
        (_client, _lease, Key, Revision) = (client, lease, key, revision);

    /// <summary>The key by which it is held. A txn with <c>When.CreateRevision(leadership.Key) == leadership.Revision</c> does nothing once it is lost.</summary>
    public Bytes Key { get; }

    /// <summary>The fencing revision: each leader's is higher than those of all before.</summary>
    public long Revision { get; }

    /// <summary>Canceled when the leadership is lost, or has ended.</summary>
    public CancellationToken Lost => _lease.Lost;

    /// <summary>Changes what the leader says of itself.</summary>
    /// <exception cref="LeaseLostException">It leads no more; nothing is changed.</exception>
    public async Task ProclaimAsync(Bytes value, CancellationToken cancellationToken = default)
    {
        var proclaimed = await _client.Txn()
            .If(When.CreateRevision(Key) == Revision)
            .Then(Op.Put(Key, value, new PutOptions { LeaseId = _lease.Id }))
            .CommitAsync(cancellationToken).ConfigureAwait(false);
        if (!proclaimed.HasSucceeded)
        {
            throw new LeaseLostException(_lease.Id);
        }
    }

    /// <summary>Resigns.</summary>
    public ValueTask DisposeAsync() => _lease.DisposeAsync();
}
