using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Granary.Log.Commits;

/// <summary>The names under which the log measures and traces.</summary>
public static class CommitLogMetrics
{
    public const string Name = "Granary.Log";

    internal static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    internal static readonly Histogram<double> Write = Meter.CreateHistogram<double>(
        "granary.log.write.duration", "s", "Time to give a group of records their places and stage them.");

    internal static readonly Histogram<double> Flush = Meter.CreateHistogram<double>(
        "granary.log.flush.duration", "s", "Time to make one group of records durable.");

    internal static readonly Histogram<double> Apply = Meter.CreateHistogram<double>(
        "granary.log.apply.duration", "s", "Time to apply one group of records to the replica and make it visible.");

    internal static readonly Histogram<int> GroupCommits = Meter.CreateHistogram<int>(
        "granary.log.group.commits", description: "Commits that shared one flush.");

    internal static readonly Counter<long> Bytes = Meter.CreateCounter<long>("granary.log.bytes", "By", "Bytes of records that went into the log.");

    internal static readonly Counter<int> SlowGroups = Meter.CreateCounter<int>(
        "granary.log.groups.slow", description: "Groups that took more than 100 ms to be durable and applied.");

    internal static readonly Counter<int> FailedRecords = Meter.CreateCounter<int>(
        "granary.log.records.failed", description: "Records that were not written, or nobody knows.");

    internal static readonly UpDownCounter<int> Pending = Meter.CreateUpDownCounter<int>(
        "granary.log.records.pending", description: "Records that wait for their group, or for its flush.");
}
