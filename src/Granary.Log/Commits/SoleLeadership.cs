using Granary.Storage.Replicas;

namespace Granary.Log.Commits;

/// <summary>Of a process whose log is its own: it always leads, as long as that can be written.</summary>
public sealed class SoleLeadership(Replica replica, ICommitLog log) : ILeadership
{
    private volatile Leader? _leader;

    public ulong MemberId => replica.State.MemberId;

    public bool IsLearner => false;

    public Leader Leader
    {
        get
        {
            var state = replica.State;
            var leader = _leader;
            return leader?.Term == state.Term ? leader : _leader = new Leader(state.Term, state.MemberId, "", IsOwn: true, CancellationToken.None);
        }
    }

    public bool IsHeard => log.Failure is null;

    public ValueTask<Leader> Reachable(CancellationToken cancellationToken) => new(Leader);

    public void NotReached(Leader leader)
    {
        // It is here.
    }

    public Task Changed(Leader seen, CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);

    public ValueTask Caught(long index, CancellationToken cancellationToken) => default;

    public ValueTask CaughtRevision(long revision, CancellationToken cancellationToken) => default;
}
