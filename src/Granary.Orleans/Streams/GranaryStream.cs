using Granary.Client;
using Granary.Orleans.Streams;
using Microsoft.Extensions.DependencyInjection;
using Orleans;

namespace Granary.Orleans;

/// <summary>What changes below a prefix of the store, as a stream for one grain.</summary>
public sealed class GranaryStream
{
    private readonly IGrainBase _grain;
    private readonly KeyRange _keys;

    internal GranaryStream(IGrainBase grain, KeyRange keys) => (_grain, _keys) = (grain, keys);

    /// <summary>
    /// Tells the grain of every change below the prefix, from a revision on: each once, in order, and all changes of a revision together. It lasts as long as the
    /// activation, over lost servers and connections. The grain subscribes in <c>OnActivateAsync</c>; nothing but a call activates it.
    /// </summary>
    /// <param name="onNext">
    /// Told between the grain's calls, never within one, unless the grain is reentrant. As long as it throws it is told the same again, with growing pauses of ten
    /// seconds at most. What it is told keeps the activation alive.
    /// </param>
    /// <param name="fromRevision">The first revision of interest: the one behind that of a read.</param>
    /// <param name="onEnd">
    /// Told when the stream has ended: by <see cref="CompactedException"/> when what is next is compacted, or by another <see cref="GranaryException"/>, such as that
    /// the keys may not be read. Null: the grain is deactivated, and begins anew when it is next called.
    /// </param>
    /// <returns>Ends the subscription when it is disposed of.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The revision is not positive.</exception>
    public IDisposable Subscribe(Func<WatchUpdate, Task> onNext, long fromRevision, Func<Exception, Task>? onEnd = null)
    {
        ArgumentNullException.ThrowIfNull(onNext);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fromRevision);
        var client = _grain.GrainContext.ActivationServices.GetRequiredService<IGranaryClient>();
        return new GranaryStreamSubscription(
            _grain,
            ending => client.WatchAsync(_keys, new WatchOptions { StartRevision = fromRevision, ReturnPrevious = true }, ending),
            onNext,
            onEnd ?? Deactivate);
    }

    private Task Deactivate(Exception end)
    {
        _grain.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
