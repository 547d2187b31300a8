namespace Granary.Server.Metrics;

/// <summary>Percentiles of the durations that have come since it was asked last. For one caller at a time.</summary>
/// <param name="counts">Where they are counted, all together.</param>
internal sealed class DurationWindow(params DurationCounts[] counts)
{
    private readonly long[] _before = new long[DurationCounts.Classes];
    private readonly long[] _new = new long[DurationCounts.Classes];

    /// <summary>Durations, in milliseconds, that half and 99 of 100 do not pass, to about a tenth; NaN if there was none.</summary>
    public (float Median, float Percentile99) Next()
    {
        long total = 0;
        for (var i = 0; i < _new.Length; i++)
        {
            long now = 0;
            foreach (var one in counts)
            {
                now += one.Of(i);
            }

            total += _new[i] = now - _before[i];
            _before[i] = now;
        }

        return total == 0 ? (float.NaN, float.NaN) : (Percentile(total * 0.5), Percentile(total * 0.99));
    }

    private float Percentile(double rank)
    {
        double below = 0;
        for (var i = 0; i < _new.Length; i++)
        {
            if (_new[i] > 0 && below + _new[i] >= rank)
            {
                var start = DurationCounts.StartOf(i);
                var part = (rank - below) / _new[i];
                return (float)((start + (DurationCounts.StartOf(i + 1) - start) * part) / 1000);
            }

            below += _new[i];
        }

        throw new InvalidOperationException("No durations were counted.");
    }
}
