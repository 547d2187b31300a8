using System.Globalization;

namespace Granary.Server.Commands;

/// <summary>Sizes for people, as etcd's tools write them: in powers of 1000, with one decimal below ten of a unit.</summary>
internal static class ByteSize
{
    private const int Kilo = 1000;

    public static string Text(long bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB"];
        var unit = 0;
        double size = bytes;
        while (size >= Kilo && unit + 1 < units.Length)
        {
            size /= Kilo;
            unit++;
        }

        return size.ToString(unit > 0 && size < 10 ? "F1" : "F0", CultureInfo.InvariantCulture) + " " + units[unit];
    }
}
