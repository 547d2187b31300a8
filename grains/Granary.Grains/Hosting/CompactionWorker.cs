using System.Diagnostics;
using Granary.Grains.KeyRanges;
using Granary.Grains.Tracing;
using Granary.Grains.Watches;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Grains.Hosting;

/// <summary>Owns the removal of compacted history on this silo: in steps, with pauses, until the replica's compacted revision is reached.</summary>
public sealed partial class CompactionWorker(
    Replica replica, HistoryHold hold, KeyRangeOptions options, TimeProvider time, ILogger<CompactionWorker> logger) : BackgroundService
{
    // So long a compaction waits that met a full disk.
    private static readonly TimeSpan FullDiskWait = TimeSpan.FromSeconds(1);

    // How often it is looked for what other silos have compacted.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly PhysicalCompaction _compaction = new(replica, options.CompactionBatchLimit);
    private readonly SemaphoreSlim _wake = new(1);
    private readonly Lock _gate = new();
    private long _lastDone;
    private TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>When the last compaction was done, in seconds since 1970; 0 when none was since the start.</summary>
    public long LastDone => Interlocked.Read(ref _lastDone);

    /// <summary>Says that there may be something to remove.</summary>
    public void Wake() => _wake.Release();

    /// <summary>Waits until nothing unreadable is left.</summary>
    public async Task Finished(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task finished;
            lock (_gate)
            {
                if (_compaction.IsDone)
                {
                    return;
                }

                finished = _finished.Task;
            }

            await finished.WaitAsync(cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(CheckInterval, stoppingToken);
                if (!_compaction.IsDone)
                {
                    await Compact(stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // What is not removed now is removed by the next compaction, or after a restart.
                Log.Failed(logger, exception);
            }
        }
    }

    private async Task Compact(CancellationToken stoppingToken)
    {
        using var span = GrainTrace.Source.StartActivity("compaction", ActivityKind.Internal, parentContext: default);
        span?.SetTag("granary.revision", replica.State.CompactedRevision);
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var wait = options.CompactionSleepInterval;
            try
            {
                var target = replica.State.CompactedRevision;
                if (hold.TryRemove(target) && Step(target))
                {
                    break;
                }
            }
            catch (StoreFullException)
            {
                // Whoever fills the store says so. It goes on by itself when there is room.
                wait = FullDiskWait;
            }

            await Task.Delay(wait, time, stoppingToken);
        }

        try
        {
            await Task.Run(_compaction.Reclaim, stoppingToken);
        }
        catch (IOException exception)
        {
            // What can't be read is gone all the same; its space comes back as the store rewrites its files.
            Log.NotReclaimed(logger, exception.Message);
        }

        Interlocked.Exchange(ref _lastDone, time.GetUtcNow().ToUnixTimeSeconds());
        lock (_gate)
        {
            _finished.TrySetResult();
            _finished = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Log.Compacted(logger, _compaction.DoneRevision, Stopwatch.GetElapsedTime(start));
    }

    private bool Step(long target)
    {
        lock (_gate)
        {
            return _compaction.Step(target);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Compacted to revision {Revision} in {Elapsed}.")]
        public static partial void Compacted(ILogger logger, long revision, TimeSpan elapsed);

        [LoggerMessage(3, LogLevel.Warning, "The space of what was compacted could not all be given back: {Reason}")]
        public static partial void NotReclaimed(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Error, "A compaction was left half-way; it goes on with the next one.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
