using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Metadata;
using Orleans.Runtime;

namespace Granary.Orleans.Streams.Implicit;

/// <summary>Keeps what tells grains of their keys at work, on some silo: each silo calls all of them again and again, so that they move when one is gone.</summary>
internal sealed partial class SubscriptionKeeper(
    IGrainFactory grains, IOptions<GrainTypeOptions> types, GrainTypeResolver resolver, IOptions<ClusterOptions> cluster, ILogger<SubscriptionKeeper> logger)
    : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _ending = new();
    private Task _keeping = Task.CompletedTask;

    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(SubscriptionKeeper),
        ServiceLifecycleStage.Active,
        _ =>
        {
            var all = ImplicitSubscription.Of(types.Value.Classes, resolver, cluster.Value.ServiceId);
            _keeping = Task.Run(() => Task.WhenAll(all.Select(Keep)), CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _ending.CancelAsync();
            await _keeping;
        });

    public void Dispose() => _ending.Dispose();

    private async Task Keep(ImplicitSubscription subscription)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                await grains.GetGrain<ISubscriptionGrain>(subscription.Key).Work();
            }
            catch (Exception exception) when (!_ending.IsCancellationRequested)
            {
                LogNotAtWork(logger, exception, subscription.Type, subscription.Prefix);
            }
            catch (Exception)
            {
                // The silo ends.
            }

            await Task.Delay(Interval, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Grains of the type {Type} cannot be told of what changes below '{Prefix}' for a moment.")]
    private static partial void LogNotAtWork(ILogger logger, Exception exception, GrainType type, string prefix);
}
