namespace Granary.Storage.Stores;

/// <summary>One of the ordered tables of a store.</summary>
public enum Family
{
    /// <summary>Key → the pair that it has now.</summary>
    Latest,

    /// <summary>(Key, mod revision descending) → a superseded pair and the revision that ended it.</summary>
    History,

    /// <summary>(Revision, sub) → what changed there.</summary>
    Events,

    /// <summary>Lease → the time to live that it was granted.</summary>
    Leases,

    /// <summary>(Lease, key) for every key that is attached to a lease.</summary>
    LeaseKeys,

    /// <summary>What the store as a whole is: revision, applied index, compaction, range map.</summary>
    Meta,

    /// <summary>Users, roles and how far authentication is, see <see cref="Replicas.AuthRecords"/>.</summary>
    Auth,
}
