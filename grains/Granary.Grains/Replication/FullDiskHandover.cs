using Granary.Log.Engines.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Granary.Grains.Replication;

/// <summary>Has another member lead when this one's disk is full for a while and the other's is not: a full disk is to stop nobody else's writes.</summary>
internal sealed partial class FullDiskHandover(
    SharedLog log, OtherReplicas replicas, ISiloStatusOracle silos, TimeProvider time, ILogger<FullDiskHandover> logger) : BackgroundService
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(1);

    // A shortage that passes by itself is not worth the calls that a new leader costs.
    private static readonly TimeSpan ShortagePatience = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? since = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(CheckInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            since = log.Leader.IsOwn && log.Shortage is not null ? since ?? time.GetTimestamp() : null;
            if (since is { } begin && time.GetElapsedTime(begin) > ShortagePatience && !stoppingToken.IsCancellationRequested)
            {
                since = null;
                await HandOver(stoppingToken);
            }
        }
    }

    private async Task HandOver(CancellationToken stoppingToken)
    {
        var candidates = await Task.WhenAll(silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .Where(address => !address.Equals(silos.SiloAddress))
            .Select(address => replicas.Ask(address.ToParsableString(), static (replica, token) => replica.Successor(token), AnswerPatience, stoppingToken)));
        if (candidates.FirstOrDefault(static member => member != 0) is not 0 and var successor)
        {
            Log.HandsOver(logger, successor);
            try
            {
                await log.HandOver(successor, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.Failed(logger, successor, exception.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The disk is full, so member {Member:x} is to lead, whose disk has room.")]
        public static partial void HandsOver(ILogger logger, ulong member);

        [LoggerMessage(2, LogLevel.Warning, "Member {Member:x} does not lead yet: {Reason}")]
        public static partial void Failed(ILogger logger, ulong member, string reason);
    }
}
