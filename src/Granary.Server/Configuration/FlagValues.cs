using System.Globalization;

namespace Granary.Server.Configuration;

/// <summary>Reads the values of flags as etcd does.</summary>
internal static class FlagValues
{
    public static int PositiveInt(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new FormatException($"\"{text}\" is not a positive number");

    public static long PositiveLong(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new FormatException($"\"{text}\" is not a positive number");

    public static uint UnsignedInt(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"\"{text}\" is not a number from 0 to {uint.MaxValue}");

    public static long UnsignedLong(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"\"{text}\" is not a number from 0 on");

    public static long Long(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"\"{text}\" is not a number");

    public static bool Bool(string text) => text switch
    {
        "1" or "t" or "T" or "TRUE" or "true" or "True" => true,
        "0" or "f" or "F" or "FALSE" or "false" or "False" => false,
        _ => throw new FormatException($"\"{text}\" is neither true nor false"),
    };

    /// <summary>A duration as Go writes it: 300ms, 10s, 1m30s, 2h.</summary>
    public static TimeSpan Duration(string text)
    {
        var rest = text.AsSpan();
        var total = TimeSpan.Zero;
        if (text is "0")
        {
            return total;
        }

        while (!rest.IsEmpty)
        {
            var digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
            {
                digits++;
            }

            if (digits == 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                throw NotADuration(text);
            }

            rest = rest[digits..];
            var end = rest.IndexOfAnyInRange('0', '9');
            var unit = end < 0 ? rest : rest[..end];
            total += unit switch
            {
                "ns" => TimeSpan.FromMicroseconds(number / 1000),
                "us" or "µs" => TimeSpan.FromMicroseconds(number),
                "ms" => TimeSpan.FromMilliseconds(number),
                "s" => TimeSpan.FromSeconds(number),
                "m" => TimeSpan.FromMinutes(number),
                "h" => TimeSpan.FromHours(number),
                _ => throw NotADuration(text),
            };
            rest = rest[unit.Length..];
        }

        return text.Length > 0 ? total : throw NotADuration(text);
    }

    public static IReadOnlyList<string> List(string text) =>
        text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is { Length: > 0 } items
            ? items
            : throw new FormatException("the list is empty");

    /// <summary>URLs by which others reach this server.</summary>
    public static IReadOnlyList<string> Urls(string text)
    {
        var urls = List(text);
        foreach (var url in urls)
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https" or "unix" or "unixs"))
            {
                throw new FormatException($"\"{url}\" is not a URL");
            }
        }

        return urls;
    }

    private static FormatException NotADuration(string text) => new($"\"{text}\" is not a duration such as 300ms, 10s or 1m30s");
}
