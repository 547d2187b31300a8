using Granary.Storage.Replicas;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Tells the agent that there are new commits: waits for them inside the read, so that nothing is polled and nothing waits for a timer.</summary>
internal sealed class CommitReceiver(Replica replica, CommitCache cache, StreamId streamId) : IQueueAdapterReceiver, IDisposable
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
            if (!cache.IsFollowed)
            {
                await Task.Delay(UnfollowedInterval, either.Token);
            }

            while (true)
            {
                await replica.Feed.WaitBeyond(_last, either.Token);

                // One commit stands for all: what is delivered, each consumer's cursor reads. The older ones may be compacted already.
                var newest = replica.Feed.LastRevision;
                var first = CommitReader.Read(replica, _last == 0 ? newest : _last + 1, max: 1) ?? CommitReader.Read(replica, newest, max: 1);
                _last = newest;
                if (first is [_, ..])
                {
                    return [new CommitContainer(streamId, first)];
                }
            }
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
