namespace Granary.Mvcc.Keys;

/// <summary>Names one range of the range map for as long as the map holds it.</summary>
public readonly record struct RangeId(long Value)
{
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
