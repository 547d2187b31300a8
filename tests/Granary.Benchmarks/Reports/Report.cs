namespace Granary.Benchmarks.Reports;

/// <summary>What one run of a command has measured: tables, which are told at once and gathered for the files that were asked for.</summary>
/// <param name="conditions">Under which it is measured.</param>
/// <param name="output">Is told everything as it comes, in markdown.</param>
/// <param name="json">Where all figures go; null for nowhere.</param>
/// <param name="chart">Where a picture of the principal ones goes; null for nowhere.</param>
internal sealed class Report(Conditions conditions, TextWriter output, FileInfo? json = null, FileInfo? chart = null)
{
    private readonly List<ComparisonTable> _tables = [];

    public Conditions Conditions => conditions;

    public IReadOnlyList<ComparisonTable> Tables => _tables;

    /// <summary>For what has not the form of a <see cref="ComparisonTable"/>.</summary>
    public TextWriter Output => output;

    /// <summary>Begins a table with its heading.</summary>
    public ComparisonTable Table(string title, string other = "etcd", string ours = "Granary")
    {
        output.WriteLine();
        var table = new ComparisonTable(title, other, ours, output, Save);
        _tables.Add(table);
        return table;
    }

    /// <summary>Writes the files. Each row does it too: whatever ends the run, what was measured until then is there.</summary>
    public void Save()
    {
        if (json is not null)
        {
            File.WriteAllText(json.FullName, JsonReport.Of(this));
        }

        if (chart is not null)
        {
            File.WriteAllText(chart.FullName, new Chart(this).ToString());
        }
    }
}
