using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>What changes below a prefix of the store, as a stream for one grain. Other commits are filtered out on the silo, before they are sent.</summary>
public sealed class GranaryStream
{
    private readonly IGrainBase _grain;
    private readonly KeyPrefix _prefix;

    internal GranaryStream(IGrainBase grain, KeyPrefix prefix) => (_grain, _prefix) = (grain, prefix);

    /// <summary>
    /// Tells the grain of every commit from a revision on that changes something below the prefix: in order, each once in an activation, and with no more
    /// than what is below the prefix. A grain that is not active is activated by what comes; it subscribes again when it is, from the revision that it has got to.
    /// </summary>
    /// <param name="observer">
    /// Told in the grain's turns. An exception of its own has the commit told again, for a minute at most. Its <c>OnErrorAsync</c> is told of
    /// <see cref="QueueCacheMissException"/> when <paramref name="fromRevision"/> is compacted: then it reads the prefix, and subscribes again from there.
    /// </param>
    /// <param name="fromRevision">The first revision of interest: one behind that of a read.</param>
    /// <returns>Ends the subscription, if it is told to.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The revision is not positive.</exception>
    public async Task<StreamSubscriptionHandle<Commit>> SubscribeAsync(IAsyncObserver<Commit> observer, long fromRevision)
    {
        ArgumentNullException.ThrowIfNull(observer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fromRevision);
        var stream = await PrefixSubscriptions.StreamOf(_grain.GrainContext);
        return await stream.SubscribeAsync(new PrefixObserver(_prefix, fromRevision, observer), new RevisionToken(fromRevision), _prefix.Encoded);
    }

    /// <inheritdoc cref="SubscribeAsync(IAsyncObserver{Commit}, long)"/>
    /// <param name="onCommit">Told of each commit.</param>
    /// <param name="fromRevision">The first revision of interest: one behind that of a read.</param>
    /// <param name="onError">Told of what was missed; null: nobody is.</param>
    public Task<StreamSubscriptionHandle<Commit>> SubscribeAsync(Func<Commit, Task> onCommit, long fromRevision, Func<Exception, Task>? onError = null)
    {
        ArgumentNullException.ThrowIfNull(onCommit);
        return SubscribeAsync(new Told(onCommit, onError), fromRevision);
    }

    /// <summary>
    /// For a grain that Orleans subscribes by its attribute, <c>[ImplicitStreamSubscription(CommitStream.Namespace)]</c>: there is one for each silo, whose key is
    /// the silo's address, and it is told of all commits. This goes between the stream and the grain, and lets through what is below the prefix.
    /// </summary>
    /// <param name="observer">Told of what is below the prefix.</param>
    /// <param name="fromRevision">The first revision of interest; 1 for any.</param>
    public IAsyncObserver<Commit> Only(IAsyncObserver<Commit> observer, long fromRevision = 1)
    {
        ArgumentNullException.ThrowIfNull(observer);
        return new PrefixObserver(_prefix, fromRevision, observer);
    }

    private sealed class Told(Func<Commit, Task> onCommit, Func<Exception, Task>? onError) : IAsyncObserver<Commit>
    {
        public Task OnNextAsync(Commit item, StreamSequenceToken? token = null) => onCommit(item);

        public Task OnErrorAsync(Exception ex) => onError?.Invoke(ex) ?? Task.CompletedTask;
    }
}
