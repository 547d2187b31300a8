using Granary.Grains.KeyRanges;
using Granary.Grains.Placement;
using Granary.Log.Commits;
using Granary.Log.Engines.Postgres;
using Granary.Storage.Replicas;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.Replication;

/// <summary>Tells the silos that follow what this silo, which leads, has.</summary>
[Reentrant, LeaderPlacement, GrainDirectory(HomeDirectory.OfTerms)]
internal sealed class ReplicationGrain(Replica replica, ICommitLog log, IReplication replication) : Grain, IReplicationGrain
{
    public async ValueTask<long> ReadIndex(CancellationToken cancellationToken)
    {
        await log.Prove(cancellationToken);
        return replica.State.AppliedIndex;
    }

    public async ValueTask<ReplicatedRecords> Records(long after, CancellationToken cancellationToken) =>
        new(await replication.Read(KeyRangeGrainKey.Term(this.GetPrimaryKeyString()), after, cancellationToken));
}
