namespace Granary.Benchmarks.Comparisons;

/// <summary>The middle of several rounds.</summary>
internal static class Median
{
    public static double Of<T>(IEnumerable<T> rounds, Func<T, double> figure)
    {
        var sorted = rounds.Select(figure).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
