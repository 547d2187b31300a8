namespace Granary.Server.Configuration;

/// <summary>What --auto-compaction-retention counts.</summary>
internal enum AutoCompactionMode
{
    Periodic,
    Revision,
}
