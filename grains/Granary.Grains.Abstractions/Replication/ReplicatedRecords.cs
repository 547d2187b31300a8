namespace Granary.Grains.Replication;

/// <summary>Records of the log on their way to a silo that follows, one behind the other.</summary>
/// <param name="Records">As they are in the log; none when there is nothing new, null when they are to be read from the log itself.</param>
[GenerateSerializer, Immutable, Alias("Granary.ReplicatedRecords")]
public readonly record struct ReplicatedRecords([property: Id(0)] byte[][]? Records);
