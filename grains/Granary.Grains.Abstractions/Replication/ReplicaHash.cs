namespace Granary.Grains.Replication;

/// <summary>What a replica is at one revision.</summary>
/// <param name="MemberId">Whose it is.</param>
/// <param name="Hash">A checksum of its pairs; two of the same pairs that have compacted to the same revision have the same.</param>
/// <param name="CompactedRevision">To what it had compacted.</param>
[GenerateSerializer, Immutable, Alias("Granary.ReplicaHash")]
public sealed record ReplicaHash([property: Id(0)] ulong MemberId, [property: Id(1)] uint Hash, [property: Id(2)] long CompactedRevision);
