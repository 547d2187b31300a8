namespace Granary.Log.Engines.Embedded;

/// <summary>The file system as the log sees it; a seam for tests that inject faults.</summary>
public interface ILogFiles
{
    /// <summary>Creates an empty file with room set aside for <paramref name="bytes"/>; fails when it exists or the disk is full.</summary>
    ILogFile Create(string path, long bytes);

    ILogFile Open(string path);

    /// <summary>Gives a file another name, replacing a file of that name.</summary>
    void Rename(string path, string newPath);

    void Delete(string path);

    /// <summary>Makes the creations, renames and removals in a directory durable.</summary>
    void SyncDirectory(string directory);
}
