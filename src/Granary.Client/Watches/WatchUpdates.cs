namespace Granary.Client;

/// <summary>For who goes on when the history that is to be told is gone.</summary>
internal static class WatchUpdates
{
    /// <summary>False when what is next is compacted.</summary>
    public static async ValueTask<bool> HasNext(this IAsyncEnumerator<WatchUpdate> updates)
    {
        try
        {
            return await updates.MoveNextAsync().ConfigureAwait(false);
        }
        catch (CompactedException)
        {
            return false;
        }
    }
}
