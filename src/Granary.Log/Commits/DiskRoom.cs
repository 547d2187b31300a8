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

/// <summary>Says what room there is to those who are refused, and to the log.</summary>
public static class DiskRoomText
{
    /// <summary>Why not everything can be written, or null.</summary>
    public static string? Shortage(this DiskRoom room) => room switch
    {
        DiskRoom.Writes => null,
        DiskRoom.Deletions => "The disk is full but for what is kept for deletions and compactions.",
        _ => "The disk is full but for what is kept for compactions.",
    };
}
