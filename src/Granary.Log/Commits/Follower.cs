using Granary.Log.Engines;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Microsoft.Extensions.Logging;

namespace Granary.Log.Commits;

/// <summary>
/// The replica of a process that follows: takes each record once, in order, from wherever it comes first, and tells those who wait for one.
/// While the process leads nothing is taken.
/// </summary>
/// <param name="replica">Of this process.</param>
/// <param name="logger">Told when the disk is full.</param>
/// <param name="stopping">Ends the wait for room on the disk.</param>
public sealed partial class Follower(Replica replica, ILogger logger, CancellationToken stopping)
{
    private static readonly TimeSpan FullStoreRetryInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly Lock _waiting = new();
    private readonly List<(Func<ReplicaState, bool> IsReached, TaskCompletionSource Reached)> _waiters = [];
    private Replaying? _replay;
    private long _takenBytes;

    /// <summary>The last record that can be seen.</summary>
    public long AppliedIndex => replica.State.AppliedIndex;

    /// <summary>Of all records that were taken.</summary>
    public long TakenBytes => Interlocked.Read(ref _takenBytes);

    /// <summary>Begins to take records, behind those that the replica has.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            var told = false;
            replica.WhenFull = full =>
            {
                if (!told)
                {
                    told = true;
                    Log.Full(logger, full.Message);
                }

                return !stopping.WaitHandle.WaitOne(FullStoreRetryInterval);
            };
            _replay = new Replaying(replica);
        }
    }

    /// <summary>Takes no more: the process is going to lead, and has all records of the log.</summary>
    public void End()
    {
        lock (_gate)
        {
            _replay = null;
        }
    }

    /// <summary>Takes records one behind the other, the first of which has this index; those that are there already are passed over.</summary>
    /// <returns>Whether they follow on.</returns>
    public bool Take(long first, IReadOnlyList<byte[]> records)
    {
        lock (_gate)
        {
            if (_replay is null || first > _replay.AppliedIndex + 1)
            {
                return false;
            }

            for (var i = (int)Math.Min(_replay.AppliedIndex + 1 - first, records.Count); i < records.Count; i++)
            {
                Apply(_replay, first + i, records[i]);
            }

            _replay.Publish();
        }

        TellWaiters();
        return true;
    }

    /// <summary>Has a reader hand over records, given the last one that is there and its leader.</summary>
    public void Read(Action<long, ulong, ReplayRecord> read)
    {
        lock (_gate)
        {
            if (_replay is null)
            {
                return;
            }

            try
            {
                read(_replay.AppliedIndex, _replay.LeaderId, (index, record) => Apply(_replay, index, record));
            }
            finally
            {
                _replay.Publish();
            }
        }

        TellWaiters();
    }

    /// <summary>Moves a little of what bulk deletions have left; false when there is nothing to be moved.</summary>
    public bool Tidy()
    {
        lock (_gate)
        {
            if (_replay is null || !replica.HasDeferred)
            {
                return false;
            }

            replica.ApplyDeferred();
            replica.Publish();
            return true;
        }
    }

    /// <summary>Returns when a state can be seen that is far enough.</summary>
    public Task Reached(Func<ReplicaState, bool> isReached, CancellationToken cancellationToken)
    {
        if (isReached(replica.State))
        {
            return Task.CompletedTask;
        }

        lock (_waiting)
        {
            if (isReached(replica.State))
            {
                return Task.CompletedTask;
            }

            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((isReached, reached));
            return reached.Task.WaitAsync(cancellationToken);
        }
    }

    private void Apply(Replaying replay, long index, ReadOnlySpan<byte> record)
    {
        replay.Apply(index, record);
        Interlocked.Add(ref _takenBytes, record.Length);
    }

    private void TellWaiters()
    {
        lock (_waiting)
        {
            var state = replica.State;
            _waiters.RemoveAll(waiter => waiter.Reached.Task.IsCompleted || (waiter.IsReached(state) && waiter.Reached.TrySetResult()));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "This server falls behind until there is space: {Reason}")]
        public static partial void Full(ILogger logger, string reason);
    }
}
