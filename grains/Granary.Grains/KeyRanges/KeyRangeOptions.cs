using Granary.Grains.Hosting;

namespace Granary.Grains.KeyRanges;

/// <summary>The bounds of a key range's queue and batches.</summary>
public sealed record KeyRangeOptions
{
    /// <summary>Writes that may wait; one more is answered "too many requests".</summary>
    public int MaxQueuedRequests { get; init; } = 5000;

    /// <summary>Bytes of keys and values that may wait, likewise.</summary>
    public long MaxQueuedBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Bytes of keys and values in one batch, and of the values that it supersedes; a larger request is a batch of its own.
    /// </summary>
    public int MaxBatchBytes { get; init; } = 4 << 20;

    /// <summary>Changes after which a batch takes no more; a single deletion of more keys names them as a whole, and is decided beside the batches.</summary>
    public int MaxBatchChanges { get; init; } = 2048;

    /// <summary>How often a range that is held still looks whether its holder's deadline has passed.</summary>
    public TimeSpan LatchCheckInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a write to several ranges may hold them.</summary>
    public TimeSpan LatchLifetime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Long scans that may wait for their turn; one more is answered "too many requests".</summary>
    public int MaxWaitingScans { get; init; } = 1000;

    /// <summary>Bytes of memory that large answers may take before a further one waits.</summary>
    public long AnswerMemoryBytes { get; init; } = 1 << 30;

    /// <summary>Events that one step of a compaction removes.</summary>
    public int CompactionBatchLimit { get; init; } = 1000;

    /// <summary>What is compacted without being asked for.</summary>
    public AutoCompactionOptions AutoCompaction { get; init; } = new();

    /// <summary>Pause between two steps of a compaction.</summary>
    public TimeSpan CompactionSleepInterval { get; init; } = TimeSpan.FromMilliseconds(10);
}
