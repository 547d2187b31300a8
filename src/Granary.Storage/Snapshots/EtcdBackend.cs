namespace Granary.Storage.Snapshots;

/// <summary>The buckets of etcd's database and the names of single records in them.</summary>
internal static class EtcdBackend
{
    public static ReadOnlySpan<byte> Keys => "key"u8;

    public static ReadOnlySpan<byte> Leases => "lease"u8;

    public static ReadOnlySpan<byte> Meta => "meta"u8;

    public static ReadOnlySpan<byte> Members => "members"u8;

    public static ReadOnlySpan<byte> RemovedMembers => "members_removed"u8;

    public static ReadOnlySpan<byte> Cluster => "cluster"u8;

    public static ReadOnlySpan<byte> Alarms => "alarm"u8;

    public static ReadOnlySpan<byte> Auth => "auth"u8;

    public static ReadOnlySpan<byte> Users => "authUsers"u8;

    public static ReadOnlySpan<byte> Roles => "authRoles"u8;

    public static ReadOnlySpan<byte> ConsistentIndex => "consistent_index"u8;

    public static ReadOnlySpan<byte> Term => "term"u8;

    public static ReadOnlySpan<byte> ConfState => "confState"u8;

    public static ReadOnlySpan<byte> ScheduledCompaction => "scheduledCompactRev"u8;

    public static ReadOnlySpan<byte> FinishedCompaction => "finishedCompactRev"u8;

    public static ReadOnlySpan<byte> StorageVersion => "storageVersion"u8;

    public static ReadOnlySpan<byte> ClusterVersion => "clusterVersion"u8;

    public static ReadOnlySpan<byte> AuthEnabled => "authEnabled"u8;

    public static ReadOnlySpan<byte> AuthRevision => "authRevision"u8;
}
