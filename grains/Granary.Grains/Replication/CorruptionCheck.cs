using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Grains.Replication;

/// <summary>
/// Has the leader compare all replicas at one revision, again and again: where one differs, the alarm goes up for its member, and nothing is
/// served any more until somebody has looked.
/// </summary>
internal sealed partial class CorruptionCheck(
    ReplicaComparison comparison, ICommitLog log, ILeadership leadership, CorruptionCheckOptions options, ILogger<CorruptionCheck> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (options.Interval > TimeSpan.Zero && !stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(options.Interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (leadership.Leader.IsOwn && !stoppingToken.IsCancellationRequested)
            {
                try
                {
                    await Compare(stoppingToken);
                }
                catch (Exception exception)
                {
                    Log.Failed(logger, exception.Message);
                }
            }
        }
    }

    private async Task Compare(CancellationToken stoppingToken)
    {
        var (revision, differing) = await comparison.Differing(stoppingToken);
        foreach (var member in differing)
        {
            Log.Differs(logger, member, revision);
            await log.SetAlarm(new AlarmRecord(member, AlarmType.Corrupt, IsUp: true), Caller.Server);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The replica of member {Member:x} differs from the others at revision {Revision}.")]
        public static partial void Differs(ILogger logger, ulong member, long revision);

        [LoggerMessage(2, LogLevel.Warning, "The replicas could not be compared: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
