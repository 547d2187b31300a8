using Granary.Log.Commits;
using Granary.Storage.Replicas;
using Orleans.Runtime;

namespace Granary.Grains.Replication;

/// <summary>Compares the replicas of all silos at one revision.</summary>
public sealed class ReplicaComparison(Replica replica, ILeadership leadership, OtherReplicas replicas, ISiloStatusOracle silos)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>The members whose replica differs from that of most, at this silo's revision. Whoever does not answer is not compared.</summary>
    public async Task<(long Revision, IReadOnlyList<ulong> Members)> Differing(CancellationToken cancellationToken)
    {
        var revision = replica.State.Revision;
        var leader = leadership.Leader is { IsOwn: false, Silo: var silo } ? silo : silos.SiloAddress.ToParsableString();
        var asked = silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .Select(static address => address.ToParsableString())
            .OrderBy(address => address != leader)
            .Select(address => replicas.Ask(address, (replica, token) => replica.HashAt(revision, token), Patience, cancellationToken));
        var hashes = (await Task.WhenAll(asked)).OfType<ReplicaHash>().ToList();
        return (revision, hashes.Count > 1 ? [.. Differing(hashes).Select(static hash => hash.MemberId)] : []);
    }

    /// <summary>Those that differ from most; from the first of them, the leader's, where there are as many of one kind as of the other.</summary>
    internal static IReadOnlyList<ReplicaHash> Differing(IReadOnlyList<ReplicaHash> hashes)
    {
        // What was compacted to different revisions cannot be compared.
        var comparable = hashes.Where(hash => hash.CompactedRevision == hashes[0].CompactedRevision).ToList();
        var right = comparable.GroupBy(static hash => hash.Hash).MaxBy(static alike => alike.Count())!.Key;
        return [.. comparable.Where(hash => hash.Hash != right)];
    }
}
