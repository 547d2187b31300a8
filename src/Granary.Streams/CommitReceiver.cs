using Granary.Storage.Replicas;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Tells the agent that there are new commits: waits for them inside the read, so that nothing is polled and nothing waits for a timer.</summary>
internal sealed class CommitReceiver(Replica replica, CommitCache cache, StreamId streamId, Task begun) : IQueueAdapterReceiver, IDisposable
{
    // While nobody follows, the agent hears of commits only as often: it finds new subscribers when it hears of one.
    private static readonly TimeSpan UnfollowedInterval = TimeSpan.FromMilliseconds(25);

    private readonly CancellationTokenSource _shutdown = new();

    // The agent hears of the newest commit first, however old: somebody may have subscribed, and something been committed, before it
    // was there to read.
    private long _last;

    public Task Initialize(TimeSpan timeout) => Task.CompletedTask;

    public Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount) => GetQueueMessagesAsync(maxCount, CancellationToken.None);

    public async Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _shutdown.Token);
        try
        {
            await begun.WaitAsync(either.Token);
            if (!cache.IsFollowed)
            {
                await Task.Delay(UnfollowedInterval, either.Token);
            }

            await replica.Feed.WaitBeyond(_last, either.Token);

            // It only says where there is something new: what is delivered, each consumer's cursor reads.
            var newest = replica.Feed.LastRevision;
            var first = _last == 0 ? newest : Math.Max(_last + 1, replica.State.CompactedRevision);
            _last = newest;
            return [new CommitContainer(streamId, first, [])];
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return [];
        }
    }

    public Task MessagesDeliveredAsync(IList<IBatchContainer> messages) => Task.CompletedTask;

    public Task Shutdown(TimeSpan timeout)
    {
        _shutdown.Cancel();
        return Task.CompletedTask;
    }

    public void Dispose() => _shutdown.Dispose();
}
