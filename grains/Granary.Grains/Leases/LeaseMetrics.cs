using System.Diagnostics.Metrics;
using Granary.Grains.KeyRanges;

namespace Granary.Grains.Leases;

/// <summary>What the lease grains measure.</summary>
internal static class LeaseMetrics
{
    private static readonly Meter Meter = new(KeyRangeMetrics.MeterName);

    public static readonly UpDownCounter<int> Live = Meter.CreateUpDownCounter<int>("granary.leases", description: "Leases whose time is running.");

    public static readonly Counter<int> Granted = Meter.CreateCounter<int>("granary.leases.granted", description: "Leases that were granted.");

    public static readonly Histogram<long> Ttl = Meter.CreateHistogram<long>("granary.leases.ttl.seconds", description: "Times to live that were granted.");

    public static readonly Counter<int> Renewed = Meter.CreateCounter<int>("granary.leases.renewed", description: "Leases that were kept alive.");

    public static readonly Counter<int> Revoked = Meter.CreateCounter<int>("granary.leases.revoked", description: "Leases that clients revoked.");

    public static readonly Counter<int> Expired = Meter.CreateCounter<int>("granary.leases.expired", description: "Leases that ran out.");

    public static readonly Histogram<double> Lateness = Meter.CreateHistogram<double>(
        "granary.leases.expiry.lateness", "s", "Time from a lease's deadline until its keys were deleted.");
}
