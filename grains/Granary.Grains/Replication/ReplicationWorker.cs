using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Granary.Log.Engines.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Grains.Replication;

/// <summary>
/// Fetches the records of the log from the leader as they come, one call behind the other, so that this silo is a hop behind. What the leader
/// has no more in memory, and all while it cannot be reached, comes from the database.
/// </summary>
internal sealed partial class ReplicationWorker(IGrainFactory grains, ILeadership leadership, IReplication replication, ILogger<ReplicationWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(50);

    // An answer takes a part of a second, whether there is anything new or not.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var leader = leadership.Leader;
            try
            {
                if (leader.IsOwn || leader.Term == 0)
                {
                    await leadership.Changed(leader, stoppingToken);
                }
                else if (!await Fetch(leader, stoppingToken))
                {
                    await leadership.Changed(leader, stoppingToken).WaitAsync(PauseAfterFailure, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            catch (Exception exception)
            {
                if (!stoppingToken.IsCancellationRequested && !leader.Over.IsCancellationRequested)
                {
                    Log.Failed(logger, exception.Message);
                }

                replication.Take(leader, 0, null);
                await Task.Delay(PauseAfterFailure, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<bool> Fetch(Leader leader, CancellationToken stoppingToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, leader.Over);
        var after = replication.AppliedIndex;
        var answer = await grains.GetGrain<IReplicationGrain>(KeyRangeGrainKey.OfKeyspace(leader.Term)).Records(after, ended.Token).AsTask().WaitAsync(Patience, ended.Token);
        return replication.Take(leader, after + 1, answer.Records);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "The leader tells no news, so they are read from the database: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
