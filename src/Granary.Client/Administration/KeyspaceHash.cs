using Granary.Protos;

namespace Granary.Client;

/// <summary>
/// A checksum of the pairs of one member. Members of a cluster that have the same pairs have the same <paramref name="Hash"/>, if
/// <paramref name="Revision"/> and <paramref name="CompactRevision"/> are the same too. An etcd and a Granary reckon it differently.
/// </summary>
/// <param name="MemberId">Whose pairs.</param>
/// <param name="Hash">The checksum.</param>
/// <param name="Revision">As of when.</param>
/// <param name="CompactRevision">The revision that the member was last compacted to; -1 or 0: none.</param>
public sealed record KeyspaceHash(ulong MemberId, uint Hash, long Revision, long CompactRevision)
{
    // Before 3.6 an etcd does not say which revision it has taken.
    internal static KeyspaceHash Of(HashKVResponse response, long asked) => new(
        response.Header.MemberId,
        response.Hash,
        response.HashRevision != 0 ? response.HashRevision : asked != 0 ? asked : response.Header.Revision,
        response.CompactRevision);
}
