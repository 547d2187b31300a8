namespace Granary.Storage.Snapshots.Ordering;

/// <summary>How much memory the ordering of records takes.</summary>
/// <param name="RunBytes">Of one run; two of them are held while records are gathered.</param>
/// <param name="SpoolBytes">Of what is not yet in a file.</param>
/// <param name="MergeBytes">Of all runs while they are merged.</param>
internal sealed record OrderingMemory(int RunBytes, int SpoolBytes, int MergeBytes)
{
    public static readonly OrderingMemory Default = new(RunBytes: 10 << 20, SpoolBytes: 1 << 20, MergeBytes: 8 << 20);
}
