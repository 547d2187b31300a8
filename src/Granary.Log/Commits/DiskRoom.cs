namespace Granary.Log.Commits;

/// <summary>What a disk has room for. Each takes in those before it.</summary>
public enum DiskRoom
{
    /// <summary>What makes room, and little else: compactions, alarms.</summary>
    Compactions,

    /// <summary>Deletions as well, whose pairs go to the history until a compaction.</summary>
    Deletions,

    /// <summary>All.</summary>
    Writes,
}
