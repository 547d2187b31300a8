using System.Runtime.CompilerServices;

namespace Granary.Client;

/// <summary>Locks and elections. They are those of <c>etcdctl lock</c> and <c>etcdctl elect</c>: who uses these waits for who uses those.</summary>
public static class GranaryCoordination
{
    /// <summary>How long a lock or leadership outlives its holder, unless another time is asked for.</summary>
    public static TimeSpan DefaultTimeToLive { get; } = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(1);

    /// <summary>Waits for a lock, in the order in which it was asked for.</summary>
    /// <param name="client">The client.</param>
    /// <param name="name">What is locked. All keys that begin with it and a slash are the lock's, so another lock's name does not begin so either.</param>
    /// <param name="timeToLive">How long the lock outlives its holder; null: <see cref="DefaultTimeToLive"/>.</param>
    /// <param name="cancellationToken">Gives up, and the place in the queue.</param>
    /// <exception cref="LeaseLostException">The server could not be reached for the whole time while it was waited for.</exception>
    public static async Task<HeldLock> LockAsync(
        this IGranaryClient client, Bytes name, TimeSpan? timeToLive = null, CancellationToken cancellationToken = default) =>
        (await Hold(client, name, timeToLive, waits: true, default, static (_, lease, key, revision) => new HeldLock(lease, key, revision), cancellationToken).ConfigureAwait(false))!;

    /// <summary>Takes a lock if it is free.</summary>
    /// <param name="client">The client.</param>
    /// <param name="name">What is locked.</param>
    /// <param name="timeToLive">How long the lock outlives its holder; null: <see cref="DefaultTimeToLive"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null if somebody else has it, or waits for it.</returns>
    public static Task<HeldLock?> TryLockAsync(
        this IGranaryClient client, Bytes name, TimeSpan? timeToLive = null, CancellationToken cancellationToken = default) =>
        Hold(client, name, timeToLive, waits: false, default, static (_, lease, key, revision) => new HeldLock(lease, key, revision), cancellationToken);

    /// <summary>Waits to be elected.</summary>
    /// <param name="client">The client.</param>
    /// <param name="election">Its name.</param>
    /// <param name="value">What the leader says of itself, such as its address.</param>
    /// <param name="timeToLive">How long the leadership outlives the leader; null: <see cref="DefaultTimeToLive"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LeaseLostException">The server could not be reached for the whole time while it was waited for.</exception>
    public static async Task<Leadership> CampaignAsync(
        this IGranaryClient client, Bytes election, Bytes value, TimeSpan? timeToLive = null, CancellationToken cancellationToken = default) =>
        (await Hold(client, election, timeToLive, waits: true, value, static (client, lease, key, revision) => new Leadership(client, lease, key, revision), cancellationToken).ConfigureAwait(false))!;

    /// <summary>The leader's key, with what it says of itself; null while there is none.</summary>
    public static async Task<KeyValue?> GetLeaderAsync(this IGranaryClient client, Bytes election, CancellationToken cancellationToken = default) =>
        (await Leader(client, election, cancellationToken).ConfigureAwait(false)).Leader;

    /// <summary>The leader now, and again when it is another one or says something else of itself; null while there is none. Of changes that follow each other at once the last is told.</summary>
    public static async IAsyncEnumerable<KeyValue?> ObserveLeaderAsync(
        this IGranaryClient client, Bytes election, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var (leader, revision) = await Leader(client, election, cancellationToken).ConfigureAwait(false);
        yield return leader;
        while (true)
        {
            var options = new WatchOptions { StartRevision = revision + 1 };
            await using var updates = client.WatchAsync(Contest.All(election), options, cancellationToken).GetAsyncEnumerator(cancellationToken);
            var hasNext = true;
            while (hasNext)
            {
                // If what was to be told is compacted, it is looked up all the same.
                hasNext = await updates.HasNext().ConfigureAwait(false);
                var before = leader;
                (leader, revision) = await Persistence.UntilAnswered(() => Leader(client, election, cancellationToken), cancellationToken).ConfigureAwait(false);
                if (leader?.ModRevision != before?.ModRevision)
                {
                    yield return leader;
                }
            }
        }
    }

    private static async Task<T?> Hold<T>(
        IGranaryClient client,
        Bytes name,
        TimeSpan? timeToLive,
        bool waits,
        Bytes value,
        Func<IGranaryClient, GranaryLease, Bytes, long, T> held,
        CancellationToken cancellationToken)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(client);
        var lease = await client.GrantLeaseAsync(timeToLive ?? DefaultTimeToLive, cancellationToken).ConfigureAwait(false);
        try
        {
            var contest = new Contest(client, name, lease);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(lease.Lost, cancellationToken);
            var isFirst = await contest.Enter(value, either.Token).ConfigureAwait(false);
            if (!isFirst && waits)
            {
                await contest.WaitUntilFirst(either.Token).ConfigureAwait(false);
                isFirst = true;
            }

            lease.ThrowIfLost();
            if (isFirst)
            {
                return held(client, lease, contest.Key, contest.Revision);
            }
        }
        catch (Exception exception)
        {
            var isLost = exception is OperationCanceledException && lease.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested;

            // Who gives up does not wait for a server that does not answer: the lease ends by itself.
            var ending = lease.DisposeAsync().AsTask();
            await ending.WaitAsync(LongestGoodbye, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (isLost)
            {
                throw new LeaseLostException(lease.Id);
            }

            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }

        await lease.DisposeAsync().ConfigureAwait(false);
        return null;
    }

    private static async Task<(KeyValue? Leader, long Revision)> Leader(IGranaryClient client, Bytes election, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        var oldest = new RangeOptions { Limit = 1, SortBy = SortTarget.CreateRevision };
        var found = await client.RangeAsync(Contest.All(election), oldest, cancellationToken).ConfigureAwait(false);
        return (found.KeyValues is [var leader] ? leader : null, found.Revision);
    }
}
