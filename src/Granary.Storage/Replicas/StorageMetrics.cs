using System.Diagnostics.Metrics;

namespace Granary.Storage.Replicas;

/// <summary>The meter of all that storage measures.</summary>
public static class StorageMetrics
{
    public const string Name = "Granary.Storage";

    internal static readonly Meter Meter = new(Name);

    internal static readonly Counter<long> Puts = Meter.CreateCounter<long>("granary.puts", description: "Pairs that were put.");

    // It only grows; etcd has it as a gauge.
    internal static readonly UpDownCounter<long> PutBytes = Meter.CreateUpDownCounter<long>("granary.put.bytes", "By", "Bytes of keys and values that were put.");

    internal static readonly Counter<long> Deletes = Meter.CreateCounter<long>("granary.deletes", description: "Keys that were deleted.");

    internal static readonly Histogram<double> Hash = Meter.CreateHistogram<double>("granary.hash.duration", "s", "Time of a checksum over all pairs.");

    internal static readonly Histogram<double> Reclaim = Meter.CreateHistogram<double>(
        "granary.reclaim.duration", "s", "Time to give back the space of what was deleted.");

    internal static readonly UpDownCounter<int> RunningReclaims =
        Meter.CreateUpDownCounter<int>("granary.reclaims.running", description: "Defragmentations at work.");

    internal static readonly Histogram<double> Compaction = Meter.CreateHistogram<double>(
        "granary.compaction.duration", "ms", "Time of a compaction, pauses included.");

    internal static readonly Histogram<double> CompactionStep = Meter.CreateHistogram<double>(
        "granary.compaction.step.duration", "ms", "Time of one step of a compaction.");

    internal static readonly Counter<long> Compacted = Meter.CreateCounter<long>("granary.compaction.removed", description: "Superseded pairs that compactions removed.");
}
