using System.Collections.Immutable;
using Granary.Client;

namespace Granary.Samples.FollowingGrain;

/// <summary>Has what is below a prefix of the store, and answers from memory. Its key is the prefix.</summary>
internal interface IPrefixGrain : IGrainWithStringKey
{
    Task<ImmutableSortedDictionary<string, string>> All();
}

internal sealed partial class PrefixGrain(IGranaryClient client, ILogger<PrefixGrain> logger) : Grain, IPrefixGrain, IDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private ImmutableSortedDictionary<string, string> _all = ImmutableSortedDictionary<string, string>.Empty;
    private Task _following = Task.CompletedTask;

    public Task<ImmutableSortedDictionary<string, string>> All() => Task.FromResult(_all);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var revision = await Read(cancellationToken);

        // It goes on between the grain's calls, in turns with them: nothing in it has to be locked.
        _following = Follow(revision);
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await _ending.CancelAsync();
        await _following;
    }

    public void Dispose() => _ending.Dispose();

    private async Task<long> Read(CancellationToken cancellationToken)
    {
        var range = await client.RangeAsync(KeyRange.Prefix(this.GetPrimaryKeyString()), cancellationToken: cancellationToken);
        _all = range.KeyValues.ToImmutableSortedDictionary(pair => pair.Key.ToString(), pair => pair.Value.ToString());
        return range.Revision;
    }

    private async Task Follow(long revision)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                revision = revision > 0 ? revision : await Read(_ending.Token);

                // Each change once and in order, from the first behind what was read, over lost connections and servers.
                await foreach (var update in client.WatchAsync(
                    KeyRange.Prefix(this.GetPrimaryKeyString()), new WatchOptions { StartRevision = revision + 1 }, _ending.Token))
                {
                    foreach (var change in update.Events)
                    {
                        _all = change.IsDeletion ? _all.Remove(change.Key.ToString()) : _all.SetItem(change.Key.ToString(), change.Value.ToString());
                    }

                    revision = update.Revision;
                }
            }
            catch (CompactedException)
            {
                // It was away for so long that history has gone: it begins anew.
                revision = 0;
            }
            catch (GranaryException exception)
            {
                // It may not, or not any more.
                LogBrokenOff(logger, exception.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "does not follow for a moment: {Reason}")]
    private static partial void LogBrokenOff(ILogger logger, string reason);
}
