using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Granary.Log.Engines;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
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
    // How often, and with what, a log that was full is asked whether it has room again when nobody writes.
    private static readonly TimeSpan ShortageCheckInterval = TimeSpan.FromSeconds(1);
    private const int TypicalRecordBytes = 4096;

    private static readonly TimeSpan FullStoreRetryInterval = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(100);

    private readonly IRecordLog _records;
    private readonly Replica _replica;
    private readonly CommitLogOptions _options;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly ByteWriter _encoded = new();
    private readonly Sequencer _sequencer;
    private readonly CancellationTokenRegistration _ownLoss;
    private readonly WaitingRecords _waiting = new();
    private readonly ReplicaFlush _replicaFlush;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _failure;
    private volatile string? _shortage;

    private CommitLog(IRecordLog records, Replica replica, CommitLogOptions options, ILogger logger)
    {
        _records = records;
        _replica = replica;
        _options = options;
        _logger = logger;
        _replicaFlush = new ReplicaFlush(records, replica, options.MaxReplayBytes, logger);
        replica.WhenFull = WaitForRoom;
        BeginTerm();
        _sequencer = new Sequencer(replica.State);
        _thread = new Thread(Run) { IsBackground = true, Name = "granary commit log" };
        _thread.Start();
        _ownLoss = records.Lost.UnsafeRegister(static log => ((CommitLog)log!)._waiting.Wake(), this);
    }

    public long Term => _replica.State.Term;

    public string? Failure => _failure;

    public Task Failed => _failed.Task;

    public bool IsLeading => _failure is null && _records.IsLeading;

    public ValueTask Prove(CancellationToken cancellationToken) => _records.Prove(cancellationToken);

    public string? Shortage => _shortage ?? Room.Shortage();

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

    private void BeginTerm()
    {
        var state = _replica.State;
        var term = new TermRecord(
            _options.Leadership?.Term ?? state.Term + 1,
            _options.Leadership?.LeaderId ?? NewId(),
            state.ClusterId != 0 ? state.ClusterId : NewId(),
            _options.Leadership?.MemberId ?? (state.MemberId != 0 ? state.MemberId : NewId()),
            state.Ranges ?? _options.InitialRanges);
        Encode(term);
        var index = AppendEncoded();
        _records.Flush();
        _replica.Apply(index, term);
        _replica.Publish();
        _records.Shown();
        if (state.ClusterId == 0)
        {
            // From now on the store knows that there was a log: should that ever be gone, it is missed.
            _replica.Flush();
        }
    }

    // Positive as a signed number as well: some clients know no other.
    internal static ulong NewId() => (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) >> 1) | 1;

    private bool HasDeferred => _failure is null && _replica.HasDeferred && Room != DiskRoom.Compactions;

    private DiskRoom Room => _options.Room?.Invoke() ?? DiskRoom.Writes;

    private bool IsShort => _shortage is not null || _replicaFlush.HasFailed || Room != DiskRoom.Writes;

    private bool IsLost => _records.Lost.IsCancellationRequested && _failure is null;

    // With nothing to be written.
    private TimeSpan Patience() => HasDeferred || IsLost ? TimeSpan.Zero : IsShort ? ShortageCheckInterval : Timeout.InfiniteTimeSpan;

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
                    Commit(group);
                }
                else if (!HasDeferred && IsShort)
                {
                    LookForRoom();
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

    private void LookForRoom()
    {
        // What is flushed needs no reserve, and gives segments back.
        _replicaFlush.Begin();
        if (_records.HasRoomFor(TypicalRecordBytes))
        {
            _shortage = null;
        }
    }

    private void Commit(List<PendingRecord> group)
    {
        using var span = CommitSpan.Start(group);
        var begin = Stopwatch.GetTimestamp();
        var commits = 0;
        var bytes = 0L;
        foreach (var pending in group)
        {
            if (_sequencer.Place(pending, Term, Room) is { } record)
            {
                Encode(record);
                if (_encoded.Written.Length > _records.MaxRecordBytes)
                {
                    pending.Fail(new EtcdException(EtcdError.RequestTooLarge));
                    continue;
                }

                try
                {
                    pending.Index = AppendEncoded();
                }
                catch (LogFullException exception)
                {
                    NoteShortage(exception);
                    pending.Fail(new EtcdException(EtcdError.NoSpace));
                    continue;
                }

                pending.Record = record;
                bytes += _encoded.Written.Length;
                commits += _sequencer.Advance(pending, record, pending.Index);
            }
        }

        if (group.TrueForAll(static pending => pending.Record is null))
        {
            group.ForEach(static pending => (pending as PendingAuthChange)?.Commit());
            return;
        }

        var start = Stopwatch.GetTimestamp();
        CommitLogMetrics.Write.Record(Stopwatch.GetElapsedTime(begin, start).TotalSeconds);
        _records.Flush();
        var flushed = Stopwatch.GetTimestamp();
        CommitLogMetrics.Flush.Record(Stopwatch.GetElapsedTime(start, flushed).TotalSeconds);
        CommitLogMetrics.GroupCommits.Record(commits);
        CommitLogMetrics.Bytes.Add(bytes);
        _shortage = null;

        using (span is null ? null : CommitLogMetrics.Source.StartActivity("apply"))
        {
            foreach (var pending in group)
            {
                if (pending.Record is { } record)
                {
                    _replica.Apply(pending.Index, record);
                }
            }

            _replica.Publish(span?.Context ?? default);
        }

        _records.Shown();

        CommitLogMetrics.Apply.Record(Stopwatch.GetElapsedTime(flushed).TotalSeconds);
        if (Stopwatch.GetElapsedTime(begin) > Slow)
        {
            CommitLogMetrics.SlowGroups.Add(1);
        }

        span?.SetTag("granary.revision", _sequencer.LastRevision);
        foreach (var pending in group)
        {
            if (pending.Record is not null || pending is PendingAuthChange)
            {
                pending.Commit();
            }
        }

        if (_replicaFlush.IsDue || Room != DiskRoom.Writes)
        {
            _replicaFlush.Begin();
        }
    }

    private void Encode(LogRecord record)
    {
        _encoded.Clear();
        record.Encode(_encoded);
    }

    private long AppendEncoded()
    {
        _records.BeginRecord(_encoded.Written.Length).Write(_encoded.Written);
        _replicaFlush.Note(_encoded.Written.Length);
        return _records.EndRecord();
    }

    /// <summary>
    /// What is durable in the log cannot be applied, since the disk is full: whoever comes meanwhile is refused, and it is tried again
    /// and again. The store itself looks for room every few seconds.
    /// </summary>
    /// <returns>Whether to try again.</returns>
    private bool WaitForRoom(StoreFullException exception)
    {
        NoteShortage(exception);
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

    private void NoteShortage(Exception exception)
    {
        if (_shortage is null)
        {
            Log.Full(_logger, exception.Message);
        }

        _shortage = exception.Message;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The commit log failed: nothing can be written any more.")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(4, LogLevel.Warning, "This process leads no more: the outcome of {Count} records is unknown.")]
        public static partial void Lost(ILogger logger, int count);

        [LoggerMessage(2, LogLevel.Error, "Writes are refused until there is space: {Reason}")]
        public static partial void Full(ILogger logger, string reason);
    }
}
