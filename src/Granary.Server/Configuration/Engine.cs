namespace Granary.Server.Configuration;

/// <summary>Where the log and the replica are kept.</summary>
internal enum Engine
{
    /// <summary>In files of the data directory.</summary>
    Embedded,

    /// <summary>In memory only: gone with the process.</summary>
    Memory,
}
