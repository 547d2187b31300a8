namespace Granary.Grains.Replication;

/// <summary>
/// The leader as the silos see it that follow: tells them what is new, and what they must have before they read. One of a term, which is its key.
/// Every method throws <see cref="Mvcc.Errors.EtcdException"/>.
/// </summary>
[Alias("Granary.IReplicationGrain")]
public interface IReplicationGrain : IGrainWithStringKey
{
    /// <summary>
    /// The index of the last record that was visible when the leader had proved, after the call, that it leads: whoever has that record has all
    /// that was answered before the call.
    /// </summary>
    [Alias("ReadIndex")]
    ValueTask<long> ReadIndex(CancellationToken cancellationToken);

    /// <summary>The records behind one: it waits a while for the first. Null when they are to be read from the log itself.</summary>
    [Alias("Records")]
    ValueTask<ReplicatedRecords> Records(long after, CancellationToken cancellationToken);
}
