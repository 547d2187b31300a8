namespace Granary.Storage.Snapshots;

/// <summary>What a restored state holds.</summary>
/// <param name="Revision">Its revision.</param>
/// <param name="CompactedRevision">What can be read begins there; -1 when it was never compacted.</param>
/// <param name="Records">Puts and deletes in the file.</param>
/// <param name="Leases">Leases.</param>
/// <param name="Users">Users.</param>
/// <param name="Roles">Roles.</param>
/// <param name="IsAuthEnabled">Whether authentication is on.</param>
/// <param name="Alarms">Alarms that are up, as they were.</param>
/// <param name="Gaps">Changes whose pair before them should be in the file and is not: what was there before them reads as absent.</param>
public sealed record RestoredCounts(
    long Revision, long CompactedRevision, long Records, long Leases, long Users, long Roles, bool IsAuthEnabled, long Alarms, long Gaps);
