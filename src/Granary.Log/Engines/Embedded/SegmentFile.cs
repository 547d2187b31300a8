using System.Globalization;

namespace Granary.Log.Engines.Embedded;

/// <summary>A segment of the log by its place on disk, and the names that files of a log have.</summary>
/// <param name="Path">Ends in the first index, so that names sort in the order of the log.</param>
/// <param name="FirstIndex">The first record that the segment holds, or will hold.</param>
/// <param name="Bytes">Size of the file.</param>
internal sealed record SegmentFile(string Path, long FirstIndex, long Bytes)
{
    public const string Extension = ".segment";

    /// <summary>A whole, flushed file of a segment's size, whose content means nothing.</summary>
    public const string SpareExtension = ".spare";

    /// <summary>A spare that is still being written; worthless after a restart.</summary>
    public const string UnfinishedExtension = ".unfinished";

    private const int IndexDigits = 20;

    public static string PathOf(string directory, long firstIndex) =>
        System.IO.Path.Combine(directory, firstIndex.ToString($"D{IndexDigits}", CultureInfo.InvariantCulture) + Extension);

    public static bool TryParseFirstIndex(string path, out long firstIndex)
    {
        var name = System.IO.Path.GetFileNameWithoutExtension(path);
        return long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out firstIndex)
            && name.Length == IndexDigits
            && firstIndex > 0;
    }

    public static string SparePath(string directory, int number, string extension) =>
        System.IO.Path.Combine(directory, number.ToString("D6", CultureInfo.InvariantCulture) + extension);
}
