using System.Globalization;
using System.Text.Json.Serialization;

namespace Granary.Benchmarks.Reports;

/// <summary>One figure of two.</summary>
/// <param name="Name">What it is, with its unit.</param>
/// <param name="Format">How it is written.</param>
/// <param name="Better">Which way is better.</param>
/// <param name="Other">Of the one that ours is compared with.</param>
/// <param name="Ours">Ours.</param>
/// <param name="Ratio">Ours by the other one; null if there is none.</param>
/// <param name="IsPrincipal">Whether it is one of the few of its table that a chart shows.</param>
internal sealed record TableRow(
    string Name,
    [property: JsonIgnore] string Format,
    Better Better,
    double Other,
    double Ours,
    double? Ratio,
    [property: JsonIgnore] bool IsPrincipal)
{
    [JsonIgnore]
    public string OtherText => Other.ToString(Format, CultureInfo.InvariantCulture);

    [JsonIgnore]
    public string OursText => Ours.ToString(Format, CultureInfo.InvariantCulture);

    [JsonIgnore]
    public string RatioText => Ratio is { } ratio ? ratio.ToString("F2", CultureInfo.InvariantCulture) + "×" : "–";

    /// <summary>How many times as good as the other one ours is; null if that is no number that a chart could show.</summary>
    [JsonIgnore]
    public double? Gain => Ratio is > 0 and < double.PositiveInfinity ? Better == Better.More ? Ratio : 1 / Ratio : null;
}
