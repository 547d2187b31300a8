namespace Granary.Grains.Leases;

/// <summary>The time of one lease.</summary>
internal sealed class Lease(long id, long ttlSeconds)
{
    public long Id => id;

    public long TtlSeconds => ttlSeconds;

    /// <summary>The timestamp at which it runs out.</summary>
    public long Deadline { get; set; }

    /// <summary>Its time was over once: it is never renewed, only revoked.</summary>
    public bool HasExpired { get; set; }

    /// <summary>It could not be revoked, and that has been told.</summary>
    public bool IsStuck { get; set; }

    public bool IsGone { get; set; }
}
