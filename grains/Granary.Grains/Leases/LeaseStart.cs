using Granary.Log.Commits;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Grains.Leases;

/// <summary>
/// Calls the lease grains into being when this silo begins to lead. They are not left to wait for a caller: what is in the store runs out
/// from then on.
/// </summary>
internal sealed partial class LeaseStart(IGrainFactory grains, ILeadership leadership, ILogger<LeaseStart> logger) : BackgroundService
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = 0L;
        while (!stoppingToken.IsCancellationRequested)
        {
            var leader = leadership.Leader;
            try
            {
                if (leader.IsOwn && leader.Term != started)
                {
                    await Task.WhenAll(Enumerable.Range(0, LeaseGrainKey.Slots).Select(slot =>
                        grains.GetGrain<ILeaseGrain>(LeaseGrainKey.Of(leader.Term, slot)).Start().AsTask()));
                    started = leader.Term;
                }

                await leadership.Changed(leader, stoppingToken);
            }
            catch (Exception exception)
            {
                if (!stoppingToken.IsCancellationRequested)
                {
                    Log.Failed(logger, exception);
                    await Task.Delay(RetryInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The leases could not be taken over; it is tried again.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
