using System.CommandLine.Parsing;
using System.Globalization;

namespace Granary.Benchmarks;

/// <summary>Durations as people write them: 500ms, 10s, 2m.</summary>
internal static class Durations
{
    public static TimeSpan Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        foreach (var (unit, one) in (ReadOnlySpan<(string, TimeSpan)>)
            [("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1))])
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                && count * one is var duration && duration <= TimeSpan.FromHours(1))
            {
                return duration;
            }
        }

        result.AddError($"'{text}' is no duration up to one hour; write 500ms, 10s or 2m");
        return default;
    }
}
