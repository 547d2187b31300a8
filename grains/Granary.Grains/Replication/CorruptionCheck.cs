using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Granary.Grains.Replication;

/// <summary>
/// Has the leader compare all replicas at one revision, again and again: where one differs, the alarm goes up for its member, and nothing is
/// served any more until somebody has looked.
/// </summary>
internal sealed partial class CorruptionCheck(
    Replica replica, ICommitLog log, ILeadership leadership, IGrainFactory grains, ISiloStatusOracle silos, CorruptionCheckOptions options, ILogger<CorruptionCheck> logger) : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

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

    /// <summary>Those that differ from most; from the first of them, the leader, where there are as many of one kind as of the other.</summary>
    internal static IReadOnlyList<ReplicaHash> Differing(IReadOnlyList<ReplicaHash> hashes)
    {
        // What was compacted to different revisions cannot be compared.
        var comparable = hashes.Where(hash => hash.CompactedRevision == hashes[0].CompactedRevision).ToList();
        var right = comparable.GroupBy(static hash => hash.Hash).MaxBy(static alike => alike.Count())!.Key;
        return [.. comparable.Where(hash => hash.Hash != right)];
    }

    private async Task Compare(CancellationToken stoppingToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        patience.CancelAfter(Patience);
        var revision = replica.State.Revision;
        var own = silos.SiloAddress;
        var asked = silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .OrderBy(silo => !silo.Equals(own))
            .Select(silo => Ask(silo, revision, patience.Token));
        var hashes = (await Task.WhenAll(asked)).OfType<ReplicaHash>().ToList();
        foreach (var differing in hashes.Count > 1 ? Differing(hashes) : [])
        {
            Log.Differs(logger, differing.MemberId, revision);
            await log.SetAlarm(new AlarmRecord(differing.MemberId, AlarmType.Corrupt, IsUp: true), Caller.Server);
        }
    }

    private async Task<ReplicaHash?> Ask(SiloAddress silo, long revision, CancellationToken cancellationToken)
    {
        try
        {
            return await grains.GetGrain<IReplicaGrain>(silo.ToParsableString()).HashAt(revision, cancellationToken).AsTask().WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException or OperationCanceledException)
        {
            // Whoever does not answer is compared the next time.
            return null;
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
