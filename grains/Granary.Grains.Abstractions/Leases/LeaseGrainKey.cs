using System.Globalization;

namespace Granary.Grains.Leases;

/// <summary>How the lease grains of a leader are named: by term and slot. A lease belongs to the slot of its id modulo their number.</summary>
public static class LeaseGrainKey
{
    /// <summary>Slots of leases: so many grains own them all.</summary>
    public const int Slots = 4;

    public static int SlotOf(long lease) => (int)((ulong)lease % Slots);

    public static string Of(long term, int slot) => string.Create(CultureInfo.InvariantCulture, $"{term}/{slot}");

    public static (long Term, int Slot) Parse(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return (long.Parse(key.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture),
            int.Parse(key.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }
}
