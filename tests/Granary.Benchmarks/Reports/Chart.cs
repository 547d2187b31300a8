using System.Globalization;
using System.Xml.Linq;

namespace Granary.Benchmarks.Reports;

/// <summary>
/// A picture of a report's principal rows: a bar for each, on a logarithmic scale, to the right of the line at 1× where ours is the better one
/// and to the left where the other one is. It is SVG for light and dark pages.
/// </summary>
internal sealed class Chart
{
    private const double Margin = 16;
    private const double PlotWidth = 400;
    private const double LineHeight = 19;
    private const double BarHeight = 11;
    private const double HeadingHeight = 30;

    // The baseline of a text below the top of its line.
    private const double Baseline = 14;

    // Of a ratio beside the end of its bar.
    private const double RatioWidth = 58;

    // About one character. What is wide for its length may reach into the gap for a ratio.
    private const double CharacterWidth = 6.3;
    private const double HeadingCharacterWidth = 7.6;

    // A bar that is nearly as long as its scale begins is still seen.
    private const double ShortestBar = 1.5;

    // More lines than these of a scale would stand too close together.
    private const int MostTicks = 5;

    // Blue and orange of the palette of Okabe and Ito, which colour-blind people tell apart; lighter ones on dark.
    private const string Style = """
        svg { --page: #ffffff; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --ours: #0072b2; --other: #d55e00; }
        @media (prefers-color-scheme: dark) {
          svg { --page: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --ours: #56b4e9; --other: #e69f00; }
        }
        text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
        text { stroke: var(--page); stroke-width: 3px; paint-order: stroke; }
        .page { fill: var(--page); }
        .title { font-size: 16px; font-weight: 600; }
        .heading { font-weight: 600; }
        .quiet { font-size: 11px; fill: var(--quiet); }
        .middle { text-anchor: middle; }
        .end { text-anchor: end; }
        .tick { stroke: var(--line); }
        .one { stroke: var(--ink); }
        .ours { fill: var(--ours); }
        .other { fill: var(--other); }
        """;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly Report _report;
    private readonly IReadOnlyList<(ComparisonTable Table, IReadOnlyList<TableRow> Rows)> _groups;
    private readonly double _leftOctaves;
    private readonly double _rightOctaves;
    private readonly double _labelWidth;

    public Chart(Report report)
    {
        _report = report;
        _groups = [.. report.Tables
            .Select(static table => (table, (IReadOnlyList<TableRow>)[.. table.Rows.Where(static row => row.IsPrincipal && row.Better != Better.Neither)]))
            .Where(static group => group.Item2.Count > 0)];
        var octaves = _groups.SelectMany(static group => group.Rows).Select(static row => Math.Log2(row.Gain ?? 1)).Append(0).ToArray();
        _leftOctaves = Math.Max(1, -octaves.Min());
        _rightOctaves = Math.Max(1, octaves.Max());
        _labelWidth = CharacterWidth * _groups.SelectMany(static group => group.Rows).Select(static row => row.Name.Length).Append(OtherBetter.Length).Max();
    }

    private string Title => _report.Tables.Count == 0 ? "Nothing measured" : $"{Names(static table => table.Ours)} beside {Names(static table => table.Other)}";

    private string OtherBetter => $"◀ {Names(static table => table.Other)} better";

    private string OursBetter => $"{Names(static table => table.Ours)} better ▶";

    private double PlotLeft => Margin + _labelWidth + RatioWidth;

    private double One => At(0);

    public override string ToString()
    {
        var conditions = _report.Conditions;
        var measured = string.Create(
            CultureInfo.InvariantCulture, $"{conditions.Date:yyyy-MM-dd}. Granary: {conditions.Granary}{(conditions.Etcd is { } version ? $"; etcd {version}" : "")}.");
        var machine = $"{conditions.Machine}, shared with the load generator.";
        var plotTop = Margin + 72;
        var (rows, plotBottom) = Rows(plotTop);
        var height = plotBottom + 50;
        double[] ends =
        [
            PlotLeft + PlotWidth + RatioWidth,
            One + 8 + (CharacterWidth * OursBetter.Length),
            Margin + (CharacterWidth * Math.Max(measured.Length, machine.Length)),
            .. _groups.Select(static group => Margin + (HeadingCharacterWidth * group.Table.Title.Length)),
        ];
        var width = ends.Max() + Margin;
        return new XElement(
            Svg + "svg",
            new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {width:F0} {height:F0}")),
            Number("width", width),
            Number("height", height),
            new XAttribute("role", "img"),
            new XAttribute("aria-labelledby", "title description"),
            new XElement(Svg + "title", new XAttribute("id", "title"), Title),
            new XElement(Svg + "desc", new XAttribute("id", "description"), Description(measured, machine)),
            new XElement(Svg + "style", Style),
            new XElement(Svg + "rect", new XAttribute("class", "page"), new XAttribute("width", "100%"), new XAttribute("height", "100%")),
            Text("title", Margin, Margin + Baseline, Title),
            Text("quiet", Margin, Margin + Baseline + 18, "How many times as good, on a logarithmic scale. Beside each bar the ratio of the figures."),
            Text("end", One - 8, plotTop - 18, OtherBetter),
            Text("", One + 8, plotTop - 18, OursBetter),
            Ticks(plotTop, plotBottom),
            rows,
            Text("quiet", Margin, plotBottom + 20, measured),
            Text("quiet", Margin, plotBottom + 36, machine)).ToString() + "\n";
    }

    private (IReadOnlyList<XElement> Elements, double Bottom) Rows(double top)
    {
        var elements = new List<XElement>();
        foreach (var (table, rows) in _groups)
        {
            elements.Add(Text("heading", Margin, top + HeadingHeight - 8, table.Title));
            top += HeadingHeight;
            foreach (var row in rows)
            {
                elements.Add(Bar(table, row, top));
                top += LineHeight;
            }
        }

        return (elements, top);
    }

    private XElement Bar(ComparisonTable table, TableRow row, double top)
    {
        var end = At(Math.Log2(row.Gain ?? 1));
        var isOurs = end >= One;
        var length = Math.Max(ShortestBar, Math.Abs(end - One));
        return new XElement(
            Svg + "g",
            new XElement(Svg + "title", $"{row.Name}: {table.Other} {row.OtherText}, {table.Ours} {row.OursText}"),
            Text("", Margin, top + Baseline, row.Name),
            row.Gain is null ? null : new XElement(
                Svg + "rect",
                new XAttribute("class", isOurs ? "ours" : "other"),
                Number("x", isOurs ? One : One - length),
                Number("y", top + ((LineHeight - BarHeight) / 2)),
                Number("width", length),
                Number("height", BarHeight)),
            Text(isOurs ? "" : "end", isOurs ? One + length + 5 : One - length - 5, top + Baseline, row.RatioText));
    }

    /// <summary>The line at 1×, and those of some powers of two on both sides.</summary>
    private IEnumerable<XElement> Ticks(double top, double bottom)
    {
        var step = (int)Math.Ceiling(Math.Max(_leftOctaves, _rightOctaves) / MostTicks);
        for (var octave = -(int)_leftOctaves / step * step; octave <= _rightOctaves; octave += step)
        {
            yield return new XElement(
                Svg + "line",
                new XAttribute("class", octave == 0 ? "one" : "tick"),
                Number("x1", At(octave)),
                Number("x2", At(octave)),
                Number("y1", top),
                Number("y2", bottom));
            yield return Text("quiet middle", At(octave), top - 4, string.Create(CultureInfo.InvariantCulture, $"{Math.Pow(2, Math.Abs(octave)):F0}×"));
        }
    }

    // Everything that the picture shows: who cannot see it is told it.
    private string Description(string measured, string machine) => string.Join(
        ' ',
        _groups.Select(static group => $"{group.Table.Title}: {string.Join("; ", group.Rows.Select(static row => $"{row.Name} {row.RatioText}"))}.")
            .Prepend($"Ratios, {Names(static table => table.Ours)} by {Names(static table => table.Other)}.")
            .Append(measured)
            .Append(machine));

    private string Names(Func<ComparisonTable, string> name) => string.Join(", ", _report.Tables.Select(name).Distinct());

    private double At(double octaves) => PlotLeft + (PlotWidth * (_leftOctaves + octaves) / (_leftOctaves + _rightOctaves));

    private static XElement Text(string style, double x, double y, string text) =>
        new(Svg + "text", style.Length == 0 ? null : new XAttribute("class", style), Number("x", x), Number("y", y), text);

    private static XAttribute Number(string name, double value) => new(name, value.ToString("0.#", CultureInfo.InvariantCulture));
}
