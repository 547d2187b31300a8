using Granary.Client;

namespace Granary.Samples.FollowingGrain;

/// <summary>Has what is below a prefix of the store, and answers from memory. Its key is the prefix.</summary>
internal interface IPrefixGrain : IGrainWithStringKey
{
    Task<Dictionary<string, string>> All();
}

internal sealed partial class PrefixGrain(IGranaryClient client, ILogger<PrefixGrain> logger) : Grain, IPrefixGrain, IDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private RangeState? _all;
    private Task _following = Task.CompletedTask;

    public Task<Dictionary<string, string>> All() =>
        Task.FromResult(_all!.Pairs.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.Value.ToString()));

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        // It goes on between the grain's calls, in turns with them: nothing in it has to be locked.
        var isThere = new TaskCompletionSource();
        _following = Follow(isThere);
        try
        {
            await isThere.Task.WaitAsync(cancellationToken);
        }
        catch
        {
            await _ending.CancelAsync();
            throw;
        }
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await _ending.CancelAsync();
        await _following;
    }

    public void Dispose() => _ending.Dispose();

    private async Task Follow(TaskCompletionSource isThere)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                // Over lost connections, servers and history.
                await foreach (var state in client.FollowAsync(KeyRange.Prefix(this.GetPrimaryKeyString()), _ending.Token))
                {
                    _all = state;
                    isThere.TrySetResult();
                }
            }
            catch (GranaryException exception)
            {
                // It may not read this, or not any more.
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
