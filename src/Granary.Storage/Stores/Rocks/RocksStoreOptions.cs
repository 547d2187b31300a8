namespace Granary.Storage.Stores.Rocks;

/// <summary>Where a <see cref="RocksStore"/> is and how much memory it takes.</summary>
public sealed record RocksStoreOptions
{
    public required string Directory { get; init; }

    /// <summary>Whether nothing may be changed: every write fails.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether files are rewritten in the background from the start, or from <see cref="RocksStore.BeginCompactions"/> on.</summary>
    public bool CompactsAtOnce { get; init; } = true;

    /// <summary>Bytes of written data held in memory before it goes to files.</summary>
    public long MemtableBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Entries that a cursor passes over before it pauses: deleted ones, and what they hide. More than the few that one key can have before
    /// RocksDB jumps over the rest of them, else the cursor would not get on.
    /// </summary>
    public int EntriesPerPause { get; init; } = 4096;

    /// <summary>Bytes of file blocks held in memory.</summary>
    public long BlockCacheBytes { get; init; } = 128 << 20;
}
