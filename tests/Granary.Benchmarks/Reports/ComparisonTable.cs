namespace Granary.Benchmarks.Reports;

/// <summary>A table of figures of two, with their ratio. Its rows are told as they come, in markdown.</summary>
internal sealed class ComparisonTable
{
    private readonly TextWriter _output;
    private readonly Action _changed;
    private readonly List<TableRow> _rows = [];

    /// <param name="title">What was measured.</param>
    /// <param name="other">The one that ours is compared with.</param>
    /// <param name="ours">Ours.</param>
    /// <param name="output">Is told the table.</param>
    /// <param name="changed">Called after each row.</param>
    public ComparisonTable(string title, string other, string ours, TextWriter output, Action changed)
    {
        (Title, Other, Ours) = (title, other, ours);
        (_output, _changed) = (output, changed);
        _output.WriteLine($"### {title}");
        _output.WriteLine($"| | {other} | {ours} | {ours}/{other} |");
        _output.WriteLine("|---|---:|---:|---:|");
    }

    public string Title { get; }

    public string Other { get; }

    public string Ours { get; }

    public IReadOnlyList<TableRow> Rows => _rows;

    /// <summary>Adds a figure, with its ratio.</summary>
    public void Row(string name, string format, Better better, double other, double ours, bool isPrincipal = false) =>
        Row(name, format, better, other, ours, other == 0 ? null : ours / other, isPrincipal);

    /// <summary>Adds a figure whose ratio is not that of the two: the median of several ratios.</summary>
    public void Row(string name, string format, Better better, double other, double ours, double? ratio, bool isPrincipal)
    {
        var row = new TableRow(name, format, better, other, ours, ratio, isPrincipal);
        _rows.Add(row);
        _output.WriteLine($"| {name} | {row.OtherText} | {row.OursText} | {row.RatioText} |");
        _changed();
    }
}
