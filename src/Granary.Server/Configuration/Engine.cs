namespace Granary.Server.Configuration;

/// <summary>Where the log and the replica are kept.</summary>
internal enum Engine
{
    /// <summary>In files of the data directory.</summary>
    Embedded,

    /// <summary>In memory only: gone with the process.</summary>
    Memory,

    /// <summary>The log in PostgreSQL, where several processes find it, one of which leads; the replica in files of the data directory.</summary>
    Postgres,
}
