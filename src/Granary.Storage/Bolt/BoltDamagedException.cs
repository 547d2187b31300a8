namespace Granary.Storage.Bolt;

/// <summary>A bbolt database is not what one must be. Nothing was changed.</summary>
public sealed class BoltDamagedException(string file, long offset, string damage)
    : Exception($"{file} at offset {offset}: {damage}")
{
    /// <summary>The file in which the damage shows.</summary>
    public string File { get; } = file;

    /// <summary>Where the page, or the element in it, begins that is not as it must be.</summary>
    public long Offset { get; } = offset;
}
