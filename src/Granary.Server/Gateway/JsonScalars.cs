using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;

namespace Granary.Server.Gateway;

/// <summary>Reads numbers and bytes out of JSON as Go's library for protobuf does.</summary>
internal static partial class JsonScalars
{
    private const int MaxDigits = 20;
    private const string Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    private static readonly SearchValues<char> StandardDigits = SearchValues.Create(Alphanumeric + "+/");
    private static readonly SearchValues<char> UrlDigits = SearchValues.Create(Alphanumeric + "-_");

    /// <summary>A number that is whole, however it is written; null for anything else, and for one that no 64 bits hold.</summary>
    public static decimal? Integer(string text)
    {
        var parts = Number().Match(text);
        if (!parts.Success || !int.TryParse(parts.Groups["exponent"].Value is { Length: > 0 } given ? given : "0", CultureInfo.InvariantCulture, out var exponent))
        {
            return null;
        }

        var fraction = parts.Groups["fraction"].Value;
        var digits = (parts.Groups["whole"].Value + fraction).TrimStart('0');
        var significant = digits.TrimEnd('0');
        long zeros = (long)exponent - fraction.Length + digits.Length - significant.Length;
        if (significant.Length == 0)
        {
            return 0;
        }

        return zeros < 0 || significant.Length + zeros > MaxDigits
            ? null
            : decimal.Parse($"{parts.Groups["minus"].Value}{significant}{new string('0', (int)zeros)}", CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Base64 as Go takes it: either alphabet, but not both in one text; padding where the length asks for it, or none. Line ends mean nothing, nor
    /// do the bits behind the last byte.
    /// </summary>
    public static bool TryDecode(string text, out ByteString bytes)
    {
        bytes = ByteString.Empty;
        var digits = text.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
        if (text.Length % 4 == 0)
        {
            var unpadded = digits.TrimEnd('=');
            if (digits.Length % 4 != 0 || digits.Length - unpadded.Length > 2)
            {
                return false;
            }

            digits = unpadded;
        }

        if (digits.Length % 4 == 1 || digits.AsSpan().ContainsAnyExcept(digits.AsSpan().ContainsAny('-', '_') ? UrlDigits : StandardDigits))
        {
            return false;
        }

        // The library takes no bits but zeros behind the last byte: with more digits they are bits of a byte that is cut off again.
        var whole = digits.PadRight((digits.Length + 3) / 4 * 4, 'A').Replace('+', '-').Replace('/', '_');
        bytes = UnsafeByteOperations.UnsafeWrap(Base64Url.DecodeFromChars(whole).AsMemory(0, digits.Length * 3 / 4));
        return true;
    }

    [GeneratedRegex(@"\A(?<minus>-?)(?<whole>0|[1-9][0-9]*)(\.(?<fraction>[0-9]+))?([eE](?<exponent>[+-]?[0-9]+))?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Number();
}
