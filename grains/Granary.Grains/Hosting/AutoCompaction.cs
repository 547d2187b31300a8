using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Grains.Hosting;

/// <summary>
/// Compacts by itself, as etcd's two modes do: by time to the revision that was current a period ago, or by number to so many revisions
/// before the current one.
/// </summary>
public sealed partial class AutoCompaction(
    Replica replica, ILeadership leadership, IGrainFactory grains, AutoCompactionOptions options, TimeProvider time, ILogger<AutoCompaction> logger) : BackgroundService
{
    private const int SamplesPerInterval = 10;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromHours(1);
    private static readonly TimeSpan RevisionInterval = TimeSpan.FromMinutes(5);

    // The last revision that was compacted to by this one, so that a store at rest is let be.
    private long _compacted;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (options.RetentionPeriod > TimeSpan.Zero)
            {
                await ByTime(stoppingToken);
            }
            else if (options.RetentionRevisions > 0)
            {
                await ByRevision(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>Notes the revision several times an interval; the oldest note is a period old once there are as many as a period has.</summary>
    private async Task ByTime(CancellationToken stoppingToken)
    {
        var interval = options.RetentionPeriod < LongestInterval ? options.RetentionPeriod : LongestInterval;
        var pause = interval / SamplesPerInterval;
        pause = pause > ShortestPause ? pause : ShortestPause;
        var samples = (int)Math.Ceiling(options.RetentionPeriod / pause);
        var revisions = new Queue<long>();
        var sinceLast = 0;
        while (true)
        {
            revisions.Enqueue(replica.State.Revision);
            if (revisions.Count > samples)
            {
                var revision = revisions.Dequeue();
                sinceLast++;

                // At once when the first period is over, then every interval; a compaction that failed is tried again a pause later.
                if (sinceLast == 1 || sinceLast > SamplesPerInterval)
                {
                    sinceLast = await Compact(revision) ? 1 : 0;
                }
            }

            await Task.Delay(pause, time, stoppingToken);
        }
    }

    private async Task ByRevision(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(RevisionInterval, time, stoppingToken);
            await Compact(replica.State.Revision - options.RetentionRevisions);
        }
    }

    /// <summary>Compacts; false when that failed and is worth another try.</summary>
    private async Task<bool> Compact(long revision)
    {
        // Of several silos the one that leads does it.
        var leader = leadership.Leader;
        if (!leader.IsOwn || revision <= 0 || revision <= Math.Max(_compacted, replica.State.CompactedRevision))
        {
            return true;
        }

        try
        {
            await grains.GetGrain<IKeyspaceGrain>(KeyRangeGrainKey.OfKeyspace(leader.Term))
                .Compact(new CompactionRequest { Revision = revision }, Caller.Server, CancellationToken.None);
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.Compacted)
        {
            // A client was first.
        }
        catch (Exception exception)
        {
            Log.Failed(logger, revision, exception.Message);
            return false;
        }

        _compacted = revision;
        Log.Compacting(logger, revision);
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Compacting to revision {Revision}, as --auto-compaction-retention says.")]
        public static partial void Compacting(ILogger logger, long revision);

        [LoggerMessage(2, LogLevel.Warning, "Could not compact to revision {Revision}; it is tried again: {Reason}")]
        public static partial void Failed(ILogger logger, long revision, string reason);
    }
}
