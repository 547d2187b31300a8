using System.Globalization;

namespace Granary.Benchmarks.Comparisons;

/// <summary>A markdown table of figures of two, with their ratio.</summary>
internal sealed class ComparisonTable
{
    private readonly TextWriter _output;

    public ComparisonTable(TextWriter output, string other = "etcd", string ours = "Granary")
    {
        _output = output;
        _output.WriteLine($"| | {other} | {ours} | {ours}/{other} |");
        _output.WriteLine("|---|---:|---:|---:|");
    }

    public void Row(string name, string format, double other, double ours)
    {
        var ratio = other == 0 ? "–" : (ours / other).ToString("F2", CultureInfo.InvariantCulture) + "×";
        _output.WriteLine(
            $"| {name} | {other.ToString(format, CultureInfo.InvariantCulture)} | {ours.ToString(format, CultureInfo.InvariantCulture)} | {ratio} |");
    }
}
