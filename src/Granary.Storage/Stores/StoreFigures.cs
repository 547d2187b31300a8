namespace Granary.Storage.Stores;

/// <summary>What a store says of itself, all at one moment. In bytes unless it is named as a count.</summary>
public sealed record StoreFigures
{
    /// <summary>What it takes up, on disk and in memory; never 0.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>What of it is not superseded or deleted, roughly; never more than <see cref="SizeBytes"/>.</summary>
    public required long InUseBytes { get; init; }

    /// <summary>What waits in memory to be written to files.</summary>
    public long MemtableBytes { get; init; }

    /// <summary>What is kept in memory of the files.</summary>
    public long BlockCacheBytes { get; init; }

    /// <summary>What is to be rewritten before the files are as few as they should be.</summary>
    public long PendingCompactionBytes { get; init; }

    public long RunningCompactionsCount { get; init; }

    public long RunningFlushesCount { get; init; }

    public long SnapshotsCount { get; init; }

    /// <summary>Keys that exist now, roughly.</summary>
    public required long KeysCount { get; init; }
}
