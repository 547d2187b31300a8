using Granary.Log.Engines;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Logging;

namespace Granary.Log.Commits;

/// <summary>
/// Puts the replica on stable storage beside the log's thread, and has the log give up what it has kept until then. Called by that thread, and by
/// who closes the log when the thread has ended.
/// </summary>
/// <param name="records">Keeps what a crash would have to replay.</param>
/// <param name="replica">What is flushed.</param>
/// <param name="maxReplayBytes">After so many bytes of records it is time for a flush.</param>
/// <param name="logger">Told of the first failure of several.</param>
internal sealed partial class ReplicaFlush(IRecordLog records, Replica replica, long maxReplayBytes, ILogger logger)
{
    // Since the last flush began.
    private long _bytesToReplay;
    private Task _running = Task.CompletedTask;
    private volatile bool _hasFailed;

    /// <summary>Whether the last flush came to nothing.</summary>
    public bool HasFailed => _hasFailed;

    /// <summary>Whether a crash would have much to replay.</summary>
    public bool IsDue => _bytesToReplay >= maxReplayBytes;

    /// <summary>A record of this size is in the log.</summary>
    public void Note(int bytes) => _bytesToReplay += bytes;

    /// <summary>Begins a flush, unless one is running or there is nothing to flush.</summary>
    public void Begin()
    {
        if (_running.IsCompleted && (_bytesToReplay > 0 || _hasFailed))
        {
            _bytesToReplay = 0;
            _running = Task.Run(Run);
        }
    }

    /// <summary>Waits for a flush that is running.</summary>
    public void Wait() => ((IAsyncResult)_running).AsyncWaitHandle.WaitOne();

    /// <summary>Flushes, here and now.</summary>
    public void Run()
    {
        try
        {
            var index = replica.Flush();
            _hasFailed = false;
            records.Recycle(index);
        }
        catch (Exception exception)
        {
            // The log keeps what is not flushed, until it is full: then writes are refused, and no sooner.
            if (!_hasFailed)
            {
                _hasFailed = true;
                Log.Failed(logger, exception);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3, LogLevel.Error, "The replica could not be flushed; the log keeps its records.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
