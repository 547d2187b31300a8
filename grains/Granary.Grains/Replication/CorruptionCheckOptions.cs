namespace Granary.Grains.Replication;

/// <summary>How often replicas are compared.</summary>
/// <param name="Interval">From one time to the next; zero for never.</param>
public sealed record CorruptionCheckOptions(TimeSpan Interval);
