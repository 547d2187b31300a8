using System.Globalization;
using Granary.Mvcc.Keys;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// How the grains of a leader are named: the term is part of the name, so that a new term has new grains at once
/// and an old one can be told by what it is called.
/// </summary>
public static class KeyRangeGrainKey
{
    public static string Of(long term, RangeId range) => string.Create(CultureInfo.InvariantCulture, $"{term}/{range.Value}");

    public static string OfKeyspace(long term) => term.ToString(CultureInfo.InvariantCulture);

    public static long Term(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return long.Parse(slash < 0 ? key : key.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture);
    }
}
