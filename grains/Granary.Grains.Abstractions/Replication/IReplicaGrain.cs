namespace Granary.Grains.Replication;

/// <summary>One silo's replica, as the others can look at it. Its key is the silo's address.</summary>
[Alias("Granary.IReplicaGrain")]
public interface IReplicaGrain : IGrainWithStringKey
{
    /// <summary>The last record that the replica has.</summary>
    [Alias("AppliedIndex")]
    ValueTask<long> AppliedIndex(CancellationToken cancellationToken);

    /// <summary>The member that this silo is, if it can lead: it has joined, is no learner, and its disk has room. Else 0.</summary>
    [Alias("Successor")]
    ValueTask<ulong> Successor(CancellationToken cancellationToken);

    /// <summary>A checksum of the pairs at a revision, which is waited for. Null when it is compacted, or the silo has not joined yet.</summary>
    [Alias("HashAt")]
    ValueTask<ReplicaHash?> HashAt(long revision, CancellationToken cancellationToken);
}
