using System.Security.Cryptography;

namespace Granary.Mvcc;

/// <summary>Ids that nobody else has, by chance: of clusters, members, leaders and leases.</summary>
public static class RandomId
{
    /// <summary>A new one. It is positive as a signed number as well, since some clients know no other.</summary>
    public static ulong New() => (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) >> 1) | 1;
}
