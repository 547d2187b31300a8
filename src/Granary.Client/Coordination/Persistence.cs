namespace Granary.Client;

/// <summary>Asks until there is an answer, for who has a place to lose.</summary>
internal static class Persistence
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <param name="ask">What comes to the same when it is done again.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<T> UntilAnswered<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await ask().ConfigureAwait(false);
            }
            catch (GranaryException exception) when (exception.MayHaveHappened || exception.IsPassing)
            {
                await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
