namespace Granary.Storage.Stores.Rocks;

/// <summary>Where a <see cref="RocksStore"/> is and how much memory it takes.</summary>
public sealed record RocksStoreOptions
{
    public required string Directory { get; init; }

    /// <summary>Whether nothing may be changed: every write fails.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether files are rewritten in the background from the start, or from <see cref="RocksStore.BeginCompactions"/> on.</summary>
    public bool CompactsAtOnce { get; init; } = true;

    /// <summary>Below this files would be too many and too small.</summary>
    public const long MinMemoryBytes = 12 << 20;

    public const long DefaultMemoryBytes = 192 << 20;

    /// <summary>
    /// Bytes of memory for both, of which <see cref="MemtableBytes"/> has a third and <see cref="BlockCacheBytes"/> the rest.
    /// </summary>
    public long MemoryBytes
    {
        init => (MemtableBytes, BlockCacheBytes) = (value / 3, value - (value / 3));
    }

    /// <summary>Bytes of written data held in memory before it goes to files.</summary>
    public long MemtableBytes { get; init; } = DefaultMemoryBytes / 3;

    /// <summary>
    /// Entries that a cursor passes over before it pauses: deleted ones, and what they hide. More than the few that one key can have before
    /// RocksDB jumps over the rest of them, else the cursor would not get on.
    /// </summary>
    public int EntriesPerPause { get; init; } = 4096;

    /// <summary>Bytes of file blocks held in memory.</summary>
    public long BlockCacheBytes { get; init; } = DefaultMemoryBytes - (DefaultMemoryBytes / 3);
}
