using Granary.Log.Engines;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Microsoft.Extensions.Logging;

namespace Granary.Log.Commits;

/// <summary>
/// Orders, makes durable and applies: one thread takes whatever waits, gives it indexes and revisions, flushes once for all of it,
/// applies it to the replica and answers. Nothing is answered or visible before it is durable.
/// </summary>
public sealed partial class CommitLog : ICommitLog, IDisposable
{
    // How often it is looked for room when nobody writes.
    private static readonly TimeSpan ShortageCheckInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan FullStoreRetryInterval = TimeSpan.FromMilliseconds(100);

    private readonly IRecordLog _records;
    private readonly Replica _replica;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly LogRoom _room;
    private readonly GroupCommit _groups;
    private readonly CancellationTokenRegistration _ownLoss;
    private readonly WaitingRecords _waiting = new();
    private readonly ReplicaFlush _replicaFlush;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _failure;

    private CommitLog(IRecordLog records, Replica replica, CommitLogOptions options, ILogger logger)
    {
        _records = records;
        _replica = replica;
        _logger = logger;
        _replicaFlush = new ReplicaFlush(records, replica, options.MaxReplayBytes, logger);
        _room = new LogRoom(records, _replicaFlush, options.Room, logger);
        replica.WhenFull = WaitForRoom;
        _groups = new GroupCommit(records, replica, _replicaFlush, _room, options);
        _thread = new Thread(Run) { IsBackground = true, Name = "granary commit log" };
        _thread.Start();
        _ownLoss = records.Lost.UnsafeRegister(static log => ((CommitLog)log!)._waiting.Wake(), this);
    }

    public long Term => _replica.State.Term;

    public string? Failure => _failure;

    public Task Failed => _failed.Task;

    public bool IsLeading => _failure is null && _records.IsLeading;

    public ValueTask Prove(CancellationToken cancellationToken) => _records.Prove(cancellationToken);

    public string? Shortage => _room.Shortage;

    /// <summary>Takes over a log whose records have all been applied to the replica, and begins a new term in it.</summary>
    /// <exception cref="LogFullException">There is no room for the record that begins the term.</exception>
    /// <exception cref="LogFailedException">It could not be made durable.</exception>
    public static CommitLog Open(IRecordLog records, Replica replica, CommitLogOptions options, ILogger logger) =>
        new(records, replica, options, logger);

    public Task<AppendOutcome> Append(CommitBatch batch)
    {
        var pending = new PendingBatch(batch);
        _waiting.Add(pending);
        return pending.Completion.Task;
    }

    public Task Compact(long revision, Caller caller)
    {
        var pending = new PendingCompaction(revision, caller);
        _waiting.Add(pending);
        return pending.Completion.Task;
    }

    public Task SetAlarm(AlarmRecord alarm, Caller caller) => AppendAsIs(alarm, caller);

    public Task ChangeAuth(Func<AuthState, AuthChange?> decide)
    {
        var pending = new PendingAuthChange(decide);
        _waiting.Add(pending);
        return pending.Completion.Task;
    }

    public Task SetPeerUrls(PeerUrlsRecord peerUrls, Caller caller) => AppendAsIs(peerUrls, caller);

    /// <summary>Finishes what waits, puts the replica on stable storage and ends the log: there is nothing to replay afterwards.</summary>
    public void Close()
    {
        if (!_waiting.Stop())
        {
            return;
        }

        _thread.Join();
        _replicaFlush.Wait();
        if (_failure is null)
        {
            _replicaFlush.Run();
            _records.Close();
        }
    }

    public void Dispose()
    {
        _ownLoss.Dispose();
        Close();
        _records.Dispose();
    }

    private Task AppendAsIs(LogRecord record, Caller caller)
    {
        var pending = new PendingMemberRecord(record, caller);
        _waiting.Add(pending);
        return pending.Completion.Task;
    }

    private bool HasDeferred => _failure is null && _replica.HasDeferred && _room.Disk != DiskRoom.Compactions;

    private bool IsLost => _records.Lost.IsCancellationRequested && _failure is null;

    // With nothing to be written.
    private TimeSpan Patience() => HasDeferred || IsLost ? TimeSpan.Zero : _room.IsSought ? ShortageCheckInterval : Timeout.InfiniteTimeSpan;

    private void Run()
    {
        var group = new List<PendingRecord>();
        while (_waiting.Take(ref group, Patience))
        {
            try
            {
                if (IsLost)
                {
                    throw new InvalidOperationException("Another process leads.");
                }

                if (group.Count > 0)
                {
                    _groups.Commit(group);
                }
                else if (!HasDeferred && _room.IsSought)
                {
                    _room.Look();
                }

                if (HasDeferred)
                {
                    _replica.ApplyDeferred();
                    _replica.Publish();
                }
            }
            catch (Exception exception)
            {
                FailForGood(group, exception);
            }

            CommitLogMetrics.Pending.Add(-group.Count);
            group.Clear();
        }
    }

    /// <summary>
    /// What is durable in the log cannot be applied, since the disk is full: whoever comes meanwhile is refused, and it is tried again
    /// and again. The store itself looks for room every few seconds.
    /// </summary>
    /// <returns>Whether to try again.</returns>
    private bool WaitForRoom(StoreFullException exception)
    {
        _room.Lacks(exception);
        var goesOn = _waiting.WaitFor(FullStoreRetryInterval);
        _waiting.Refuse(goesOn ? EtcdError.NoSpace : EtcdError.Stopped);
        return goesOn;
    }

    private void FailForGood(List<PendingRecord> group, Exception exception)
    {
        _failure = exception.Message;
        _waiting.Close();

        if (_records.Lost.IsCancellationRequested)
        {
            Log.Lost(_logger, group.Count);
        }
        else
        {
            Log.Failed(_logger, exception);
            _replica.StopDeferred(new EtcdException(EtcdError.Stopped));
        }

        foreach (var pending in group)
        {
            pending.Fail(new EtcdException(EtcdError.Timeout, outcomeUnknown: true));
        }

        var unwritten = _waiting.Refuse(_records.Lost.IsCancellationRequested ? EtcdError.LeaderChanged : EtcdError.Stopped);
        _failed.TrySetResult();
        CommitLogMetrics.FailedRecords.Add(group.Count + unwritten);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The commit log failed: nothing can be written any more.")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(4, LogLevel.Warning, "This process leads no more: the outcome of {Count} records is unknown.")]
        public static partial void Lost(ILogger logger, int count);
    }
}
