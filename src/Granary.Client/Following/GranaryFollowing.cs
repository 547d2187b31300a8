using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Granary.Client;

/// <summary>Keeps what a range holds at hand, however it changes.</summary>
public static class GranaryFollowing
{
    /// <summary>
    /// What a range holds, and what it holds after each change. It goes on by itself over lost connections and servers, and over compactions: then some
    /// states are passed over, but none is wrong.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="range">The range. All that it holds is kept in memory.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="GranaryException">It is not permitted, or the server refuses it.</exception>
    public static async IAsyncEnumerable<RangeState> FollowAsync(
        this IGranaryClient client, KeyRange range, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        while (true)
        {
            var state = await Persistence.UntilAnswered(() => Read(client, range, cancellationToken), cancellationToken).ConfigureAwait(false);
            yield return state;
            var options = new WatchOptions { StartRevision = state.Revision + 1 };
            await using var updates = client.WatchAsync(range, options, cancellationToken).GetAsyncEnumerator(cancellationToken);

            // If what comes next is compacted, all is read anew.
            while (await updates.HasNext().ConfigureAwait(false))
            {
                state = state.With(updates.Current);
                yield return state;
            }
        }
    }

    private static async Task<RangeState> Read(IGranaryClient client, KeyRange range, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var newest = await client.RangeAsync(range, new RangeOptions { Limit = 1, KeysOnly = true }, cancellationToken).ConfigureAwait(false);
                var pairs = ImmutableSortedDictionary.CreateBuilder<Bytes, KeyValue>();
                await foreach (var pair in client.EnumerateAsync(range, newest.Revision, cancellationToken: cancellationToken).ConfigureAwait(false))
                {
                    pairs.Add(pair.Key, pair);
                }

                return new RangeState(newest.Revision, pairs.ToImmutable());
            }
            catch (CompactedException)
            {
                // In the middle of it: it is read as of a later revision.
            }
        }
    }
}
