using Granary.Client;
using Medallion.Threading;

namespace Granary.DistributedLock;

/// <summary>A lock that one process has at a time. It is the one of <c>etcdctl lock</c> and of <see cref="GranaryCoordination.LockAsync"/>; who waits for it gets it in turn.</summary>
public sealed class GranaryDistributedLock : IDistributedLock
{
    private readonly IGranaryClient _client;
    private readonly TimeSpan? _timeToLive;

    /// <param name="name">What is locked. All keys that begin with it and a slash are the lock's, so another lock's name does not begin so either.</param>
    /// <param name="client">The client.</param>
    /// <param name="timeToLive">How long the lock outlives a process that is killed; null: <see cref="GranaryCoordination.DefaultTimeToLive"/>.</param>
    public GranaryDistributedLock(string name, IGranaryClient client, TimeSpan? timeToLive = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(client);
        if (timeToLive is { } time)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero, nameof(timeToLive));
        }

        (Name, _client, _timeToLive) = (name, client, timeToLive);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Takes the lock, if it can be had in time. Blocks this thread meanwhile: rather use <see cref="TryAcquireAsync"/>.</summary>
    /// <param name="timeout">How long; zero: only if it is free; <see cref="Timeout.InfiniteTimeSpan"/>: until it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null if it could not be had.</returns>
    public GranaryDistributedLockHandle? TryAcquire(TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        Blocking(() => TryAcquireAsync(timeout, cancellationToken));

    /// <summary>Takes the lock. Blocks this thread meanwhile: rather use <see cref="AcquireAsync"/>.</summary>
    /// <param name="timeout">How long it may take; null: for ever.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TimeoutException">It could not be had in time.</exception>
    public GranaryDistributedLockHandle Acquire(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Blocking(() => AcquireAsync(timeout, cancellationToken));

    /// <summary>Takes the lock, if it can be had in time.</summary>
    /// <param name="timeout">How long; zero: only if it is free; <see cref="Timeout.InfiniteTimeSpan"/>: until it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null if it could not be had.</returns>
    /// <exception cref="GranaryException">No server answers, or it refuses.</exception>
    public async ValueTask<GranaryDistributedLockHandle?> TryAcquireAsync(TimeSpan timeout = default, CancellationToken cancellationToken = default)
    {
        if ((timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan) || timeout.TotalMilliseconds > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "A timeout is from zero to 24 days, or the infinite one.");
        }

        if (timeout >= TimeSpan.Zero && timeout < TimeSpan.FromMilliseconds(1))
        {
            return Handle(await _client.TryLockAsync(Name, _timeToLive, cancellationToken).ConfigureAwait(false));
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(timeout);
        try
        {
            return Handle(await _client.LockAsync(Name, _timeToLive, ending.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }

    /// <summary>Takes the lock.</summary>
    /// <param name="timeout">How long it may take; null: for ever.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TimeoutException">It could not be had in time.</exception>
    /// <exception cref="GranaryException">No server answers, or it refuses.</exception>
    public async ValueTask<GranaryDistributedLockHandle> AcquireAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        await TryAcquireAsync(timeout ?? Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false)
        ?? throw new TimeoutException($"The lock '{Name}' could not be had within {timeout}.");

    IDistributedSynchronizationHandle? IDistributedLock.TryAcquire(TimeSpan timeout, CancellationToken cancellationToken) => TryAcquire(timeout, cancellationToken);

    IDistributedSynchronizationHandle IDistributedLock.Acquire(TimeSpan? timeout, CancellationToken cancellationToken) => Acquire(timeout, cancellationToken);

    async ValueTask<IDistributedSynchronizationHandle?> IDistributedLock.TryAcquireAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        await TryAcquireAsync(timeout, cancellationToken).ConfigureAwait(false);

    async ValueTask<IDistributedSynchronizationHandle> IDistributedLock.AcquireAsync(TimeSpan? timeout, CancellationToken cancellationToken) =>
        await AcquireAsync(timeout, cancellationToken).ConfigureAwait(false);

    // Away from whatever scheduler this thread has, which may be waiting for this very thread.
    internal static T Blocking<T>(Func<ValueTask<T>> work) => Task.Run(() => work().AsTask()).GetAwaiter().GetResult();

    private static GranaryDistributedLockHandle? Handle(HeldLock? held) => held is null ? null : new GranaryDistributedLockHandle(held);
}
