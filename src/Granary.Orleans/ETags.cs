using System.Globalization;

namespace Granary.Orleans;

/// <summary>What Orleans knows a row by: the revision of its last change.</summary>
internal static class ETags
{
    public static string Of(long revision) => revision.ToString(CultureInfo.InvariantCulture);

    /// <exception cref="FormatException">It is none of ours.</exception>
    public static long Revision(string etag) => long.Parse(etag, CultureInfo.InvariantCulture);
}
