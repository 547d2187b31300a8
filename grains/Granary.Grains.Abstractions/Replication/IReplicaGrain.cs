namespace Granary.Grains.Replication;

/// <summary>One silo's replica, as the others can look at it. Its key is the silo's address.</summary>
[Alias("Granary.IReplicaGrain")]
public interface IReplicaGrain : IGrainWithStringKey
{
    /// <summary>A checksum of the pairs at a revision, which is waited for. Null when it is compacted.</summary>
    [Alias("HashAt")]
    ValueTask<ReplicaHash?> HashAt(long revision, CancellationToken cancellationToken);
}
