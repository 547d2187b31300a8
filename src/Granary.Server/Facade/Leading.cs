using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Server.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Facade;

/// <summary>
/// What a request needs where several processes share a log: the leader, the proof that nothing newer was answered when it came, and an end to
/// waiting when the leader does not answer. With a log of its own a server needs none of them.
/// </summary>
internal sealed class Leading(ILeadership leadership, ICommitLog log, ReadBarrier barrier, ServerOptions options)
{
    private readonly TimeSpan? _patience = options.WriteTimeout;

    /// <inheritdoc cref="ILeadership.IsLearner"/>
    public bool IsLearner => leadership.IsLearner;

    /// <summary>Returns once what is read here from then on is no older than any answer that was given before the call.</summary>
    /// <exception cref="EtcdException">Nobody knows in time.</exception>
    public ValueTask Prove(CancellationToken cancellationToken) =>
        leadership.Leader.IsOwn ? log.Prove(cancellationToken) : new(barrier.Pass(cancellationToken));

    /// <inheritdoc cref="ILeadership.Reachable"/>
    public ValueTask<Leader> Reach(CancellationToken cancellationToken) => leadership.Reachable(cancellationToken);

    /// <summary>What a call to the leader comes to.</summary>
    /// <exception cref="EtcdException">Its term is over; the call may still come to something.</exception>
    /// <exception cref="TimeoutException">It does not answer; the call may still come to something.</exception>
    public ValueTask<T> Written<T>(Leader leader, ValueTask<T> call) => _patience is null || call.IsCompletedSuccessfully ? call : Await(leader, call);

    /// <summary>Waits until this silo has what a call to the leader has changed, or has seen: who asks here next finds it.</summary>
    public ValueTask SeenRevision(Leader leader, long revision, CancellationToken cancellationToken) =>
        leader.IsOwn ? default : leadership.CaughtRevision(revision, cancellationToken);

    /// <inheritdoc cref="SeenRevision"/>
    public ValueTask SeenIndex(Leader leader, long index, CancellationToken cancellationToken) =>
        leader.IsOwn ? default : leadership.Caught(index, cancellationToken);

    private async ValueTask<T> Await<T>(Leader leader, ValueTask<T> call)
    {
        var task = call.AsTask();

        // What this process writes as the leader comes to an end by itself when it leads no more.
        var over = leader.IsOwn ? CancellationToken.None : leader.Over;
        while (true)
        {
            try
            {
                return await task.WaitAsync(_patience!.Value, over);
            }
            catch (TimeoutException) when (!task.IsCompleted && ReferenceEquals(leadership.Leader, leader) && leadership.IsHeard)
            {
                // What takes long by itself may take it, while its leader leads.
            }
            catch (OperationCanceledException) when (!task.IsCompleted && over.IsCancellationRequested)
            {
                throw new EtcdException(EtcdError.Timeout, outcomeUnknown: true);
            }
            catch (OrleansException) when (!leader.IsOwn)
            {
                leadership.NotReached(leader);
                throw new EtcdException(EtcdError.Timeout, outcomeUnknown: true);
            }
        }
    }
}
