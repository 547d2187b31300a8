using Granary.Grains.Placement;
using Granary.Log.Commits;
using Granary.Storage.Replicas;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.Replication;

/// <summary>Looks at this silo's replica.</summary>
[Reentrant, SiloPlacement, GrainDirectory(HomeDirectory.OfSilos)]
internal sealed class ReplicaGrain(Replica replica, ILeadership leadership, ICommitLog log) : Grain, IReplicaGrain
{
    public ValueTask<long> AppliedIndex(CancellationToken cancellationToken) => new(replica.State.AppliedIndex);

    public ValueTask<ulong> Successor(CancellationToken cancellationToken) => new(leadership.IsLearner || log.Shortage is not null ? 0 : leadership.MemberId);

    public async ValueTask<ReplicaHash?> HashAt(long revision, CancellationToken cancellationToken)
    {
        await leadership.CaughtRevision(revision, cancellationToken);
        using var view = replica.View();
        return leadership.MemberId == 0 || revision < view.CompactedRevision
            ? null
            : new ReplicaHash(leadership.MemberId, await Task.Run(() => StateHash.Of(view, revision, cancellationToken), cancellationToken), view.CompactedRevision);
    }
}
