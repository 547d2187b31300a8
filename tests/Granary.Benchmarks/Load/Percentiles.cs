using HdrHistogram;

namespace Granary.Benchmarks.Load;

/// <summary>Latencies in milliseconds.</summary>
internal sealed record Percentiles(double P50, double P99)
{
    /// <param name="latencies">In microseconds.</param>
    public static Percentiles Of(HistogramBase latencies) =>
        new(latencies.GetValueAtPercentile(50) / 1000.0, latencies.GetValueAtPercentile(99) / 1000.0);
}
