namespace Granary.Storage.Snapshots.Ordering;

/// <summary>How much memory the ordering of records takes, and how many threads.</summary>
/// <param name="Parts">Parts of the keys that are read at once.</param>
/// <param name="RunBytes">Of all runs that are gathered at once.</param>
/// <param name="SpoolBytes">Of what is not yet in a file, for each part.</param>
/// <param name="MergeBytes">Of all runs while they are merged.</param>
internal sealed record OrderingMemory(int Parts, int RunBytes, int SpoolBytes, int MergeBytes)
{
    // More parts than processors: some take longer than others.
    public static readonly OrderingMemory Default = new(
        Parts: Math.Clamp(2 * Environment.ProcessorCount, 2, 8), RunBytes: 16 << 20, SpoolBytes: 512 << 10, MergeBytes: 8 << 20);
}
