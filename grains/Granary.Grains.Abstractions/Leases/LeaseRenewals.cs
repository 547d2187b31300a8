namespace Granary.Grains.Leases;

/// <summary>What came of renewing some leases.</summary>
/// <param name="Revision">The store's revision before: whatever ended a lease that was renewed is later.</param>
/// <param name="TtlSeconds">One for each, in order: the full time to live, or 0 where there is no such lease.</param>
[GenerateSerializer, Immutable, Alias("Granary.LeaseRenewals")]
public sealed record LeaseRenewals([property: Id(0)] long Revision, [property: Id(1)] long[] TtlSeconds);
