namespace Granary.Grains.Leases;

/// <summary>A lease and what is left of it; nothing or less when it has expired and is not revoked yet.</summary>
[GenerateSerializer, Immutable, Alias("Granary.LeaseRemaining")]
public readonly record struct LeaseRemaining([property: Id(0)] long Id, [property: Id(1)] TimeSpan Remaining);
