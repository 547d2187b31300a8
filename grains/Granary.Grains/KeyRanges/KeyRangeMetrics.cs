using System.Diagnostics.Metrics;

namespace Granary.Grains.KeyRanges;

/// <summary>What the grains of key ranges measure.</summary>
public static class KeyRangeMetrics
{
    public const string MeterName = "Granary.Grains";

    private static readonly Meter Meter = new(MeterName);

    internal static readonly UpDownCounter<int> Queued =
        Meter.CreateUpDownCounter<int>("granary.writes.queued", description: "Writes that wait for their batch.");

    internal static readonly Counter<int> Dropped =
        Meter.CreateCounter<int>("granary.writes.dropped", description: "Cancelled writes that were taken from the queue unevaluated.");

    internal static readonly Counter<int> Cancelled =
        Meter.CreateCounter<int>("granary.writes.cancelled", description: "Writes whose caller left while they waited.");

    internal static readonly Counter<int> Refused =
        Meter.CreateCounter<int>("granary.batches.refused", description: "Batches that the log refused and that were evaluated anew.");

    internal static readonly Histogram<int> BatchRequests =
        Meter.CreateHistogram<int>("granary.batch.requests", description: "Requests that one batch was made of.");

    internal static readonly Histogram<double> Evaluation =
        Meter.CreateHistogram<double>("granary.batch.evaluation.duration", "s", "Time to decide all requests of a batch.");

    internal static readonly Histogram<double> Commit =
        Meter.CreateHistogram<double>("granary.batch.commit.duration", "s", "Time from a decided batch to its commit, waiting for others included.");

    internal static readonly Counter<long> Ranges = Meter.CreateCounter<long>("granary.ranges", description: "Range requests that were answered.");

    internal static readonly Counter<long> Txns = Meter.CreateCounter<long>("granary.txns", description: "Txns that were answered, those that only read included.");

    internal static readonly Histogram<double> Range =
        Meter.CreateHistogram<double>("granary.range.duration", "s", "Time of a range at its grain.");

    internal static readonly UpDownCounter<int> ActiveScans =
        Meter.CreateUpDownCounter<int>("granary.scans.active", description: "Scans of more than one step that run, or wait for their turn.");

    internal static readonly Counter<int> AbandonedScans =
        Meter.CreateCounter<int>("granary.scans.abandoned", description: "Scans that were left because their caller had gone.");

    internal static readonly UpDownCounter<int> ActiveCalls =
        Meter.CreateUpDownCounter<int>("granary.grain.calls.active", description: "Calls that key range grains are serving.");
}
