using System.Globalization;

namespace Granary.Benchmarks.Comparisons;

/// <summary>A markdown table of figures of both, with their ratio.</summary>
internal sealed class ComparisonTable
{
    private readonly TextWriter _output;

    public ComparisonTable(TextWriter output)
    {
        _output = output;
        _output.WriteLine("| | etcd | Granary | Granary/etcd |");
        _output.WriteLine("|---|---:|---:|---:|");
    }

    public void Row(string name, string format, double etcd, double granary)
    {
        var ratio = etcd == 0 ? "–" : (granary / etcd).ToString("F2", CultureInfo.InvariantCulture) + "×";
        _output.WriteLine(
            $"| {name} | {etcd.ToString(format, CultureInfo.InvariantCulture)} | {granary.ToString(format, CultureInfo.InvariantCulture)} | {ratio} |");
    }
}
