using HdrHistogram;

namespace Granary.Benchmarks;

/// <summary>What a load measured.</summary>
/// <param name="Calls">Calls that ended well within the measured time.</param>
/// <param name="Errors">Calls that did not.</param>
/// <param name="Elapsed">The measured time.</param>
/// <param name="Latencies">In microseconds.</param>
internal sealed record LoadResult(long Calls, long Errors, TimeSpan Elapsed, HistogramBase Latencies)
{
    public double CallsPerSecond => Calls / Elapsed.TotalSeconds;

    public double Milliseconds(double percentile) => Latencies.GetValueAtPercentile(percentile) / 1000.0;
}
