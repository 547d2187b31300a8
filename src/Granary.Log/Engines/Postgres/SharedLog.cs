using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// The log as one of several processes has it: it follows, or it leads, again and again. What only a leader can do is refused while another
/// one leads.
/// </summary>
public sealed partial class SharedLog : ICommitLog, ILeadership, IReplication, ISnapshotDuty, IDisposable
{
    // How long what is in flight may wait for the database when the process stops.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    // Who takes records asks for more at once, and has an answer after a heartbeat at the latest.
    private const int HeartbeatsOfFollower = 50;

    private readonly PostgresDatabase _database;
    private readonly PostgresOptions _options;
    private readonly Replica _replica;
    private readonly Follower _follower;
    private readonly CommitLogOptions _logOptions;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Thread? _thread;
    private Candidate? _candidate;
    private volatile CommitLog? _leading;
    private volatile PostgresRecordLog? _records;
    private BaseSnapshots? _snapshots;

    // In the terms of this process that are over.
    private long _appendedBytes;
    private readonly LastTime _read = new();
    private volatile string? _failure;

    private readonly KnownLeader _known = new();
    private readonly Following _following;
    private readonly HandOvers _handOvers;

    /// <param name="database">Has the tables.</param>
    /// <param name="options">Settings.</param>
    /// <param name="replica">Of this process.</param>
    /// <param name="follower">Of that replica; it has all records that there were when the process was started.</param>
    /// <param name="logOptions">Of the log while this process leads.</param>
    /// <param name="loggers">For all parts.</param>
    /// <param name="stopping">Ends it: the process stops.</param>
    public SharedLog(
        PostgresDatabase database, PostgresOptions options, Replica replica, Follower follower, CommitLogOptions logOptions, ILoggerFactory loggers, CancellationTokenSource stopping)
    {
        _database = database;
        _options = options;
        _replica = replica;
        _follower = follower;
        _logOptions = logOptions;
        _loggers = loggers;
        _logger = loggers.CreateLogger<SharedLog>();
        _stopping = stopping;
        _following = new Following(database, replica, follower, _known, options.HeartbeatInterval);
        _handOvers = new HandOvers(_known, options.ProofTimeout);
    }

    public long Term => _replica.State.Term;

    public string? Failure => _failure;

    public Task Failed => _failed.Task;

    public string? Shortage => _leading?.Shortage ?? (_logOptions.Room?.Invoke() ?? DiskRoom.Writes).Shortage();

    public bool IsLeading => _leading?.IsLeading is true;

    public ulong MemberId => _candidate?.MemberId ?? 0;

    public bool IsLearner => _following.IsLearner && !Leader.IsOwn;

    public Leader Leader => _known.Leader;

    public bool IsHeard => Leader.IsOwn ? IsLeading : _known.Heard.IsWithin(_options.LeaseTime / 2);

    public long AppliedIndex => _follower.AppliedIndex;

    /// <summary>Whether requests can be served: there is a leader that gives signs of life, and this process has what was written before its term.</summary>
    public bool IsServing => IsServed(Leader);

    /// <summary>Begins to follow, and to lead when nobody else does.</summary>
    public void Begin(Candidate candidate)
    {
        _candidate = candidate;
        _thread = new Thread(Run) { IsBackground = true, Name = "granary shared log", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
        _snapshots = new BaseSnapshots(_database, _replica, this, _options.SnapshotBytes, _loggers.CreateLogger<BaseSnapshots>());
    }

    public ValueTask Prove(CancellationToken cancellationToken) => Leading.Prove(cancellationToken);

    public Task<AppendOutcome> Append(CommitBatch batch) => Leading.Append(batch);

    public Task Compact(long revision, Caller caller) => Leading.Compact(revision, caller);

    public Task SetAlarm(AlarmRecord alarm, Caller caller) => Leading.SetAlarm(alarm, caller);

    public Task ChangeAuth(Func<AuthState, AuthChange?> decide) => Leading.ChangeAuth(decide);

    public Task SetPeerUrls(PeerUrlsRecord peerUrls, Caller caller) => Leading.SetPeerUrls(peerUrls, caller);

    /// <summary>Has another member lead, in order: what is in flight is finished, and that member need not wait.</summary>
    /// <exception cref="EtcdException">This process does not lead, or the other one did not take over in time.</exception>
    public Task HandOver(ulong successor, CancellationToken cancellationToken) => _handOvers.Run(successor, cancellationToken);

    public ValueTask<Leader> Reachable(CancellationToken cancellationToken) => Leader is var leader && IsServed(leader) ? new(leader) : AwaitReachable(cancellationToken);

    public void NotReached(Leader leader)
    {
        if (ReferenceEquals(leader, Leader) && !leader.IsOwn)
        {
            _known.Heard.Forget();
        }
    }

    public Task Changed(Leader seen, CancellationToken cancellationToken) => _known.Changed(seen, cancellationToken);

    public ValueTask Caught(long index, CancellationToken cancellationToken) =>
        new(_follower.Reached(state => state.AppliedIndex >= index, cancellationToken));

    public ValueTask CaughtRevision(long revision, CancellationToken cancellationToken) =>
        new(_follower.Reached(state => state.Revision >= revision, cancellationToken));

    public async ValueTask<byte[][]?> Read(long term, long after, CancellationToken cancellationToken)
    {
        if (Leader is not { IsOwn: true } leader || leader.Term != term || _records is not { } records)
        {
            return null;
        }

        _read.Note();
        return await records.Tail.Read(after, _options.HeartbeatInterval, cancellationToken);
    }

    long ISnapshotDuty.SeenBytes => _follower.TakenBytes + Interlocked.Read(ref _appendedBytes) + (_records?.AppendedBytes ?? 0);

    bool ISnapshotDuty.IsFollowed => Leader.IsOwn && _read.IsWithin(HeartbeatsOfFollower * _options.HeartbeatInterval);

    public bool Take(Leader leader, long first, byte[][]? records) => _following.Take(leader, first, records);

    /// <summary>Follows and leads no more: what is in flight is finished, and another one may lead at once.</summary>
    public void Stop()
    {
        _stopping.Cancel();
        Interlocked.Exchange(ref _snapshots, null)?.Dispose();
        _thread?.Join();
    }

    public void Dispose()
    {
        Stop();
        _known.Dispose();
    }

    private CommitLog Leading => _leading ?? throw new EtcdException(EtcdError.LeaderChanged);

    private bool IsServed(Leader leader) => leader.IsOwn || (leader.Term > 0 && _replica.State.Term == leader.Term && IsHeard);

    private async ValueTask<Leader> AwaitReachable(CancellationToken cancellationToken)
    {
        var start = BootClock.Instance.GetTimestamp();
        while (true)
        {
            var changed = _known.NextChange;
            var leader = Leader;
            if (IsServed(leader))
            {
                return leader;
            }

            EtcdException.ThrowIf(_failure is null ? null : EtcdError.Stopped);
            var left = _options.ProofTimeout - BootClock.Instance.GetElapsedTime(start);
            EtcdException.ThrowIf(left <= TimeSpan.Zero ? EtcdError.Timeout : null);
            await changed.WaitAsync(left, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                using var leadership = PostgresLeadership.Acquire(
                    _database, _options, _candidate!, BootClock.Instance, Follow, _loggers.CreateLogger<PostgresLeadership>(), _stopping.Token);
                try
                {
                    Lead(leadership);
                }
                catch (LogFailedException) when (leadership.IsDeposed)
                {
                    // Another one was there before the term had begun.
                }

                _follower.Begin();
            }
        }
        catch (Exception) when (_stopping.IsCancellationRequested)
        {
            // The process stops, and whatever waits for the database gives up.
        }
        catch (Exception exception)
        {
            Log.Failed(_logger, exception);
            _failure = exception.Message;
            _following.EndTerm();
            _failed.TrySetResult();
        }
    }

    private void Follow(NpgsqlConnection connection, LeadershipRow row) => _following.Look(connection, row, _candidate!);

    private void Lead(PostgresLeadership leadership)
    {
        // What the leader before has appended since it was last looked at.
        _database.WhenReachable(
            connection =>
            {
                PostgresStart.Read(connection, _database, _follower, leadership.LastIndex);
                return true;
            },
            _logger,
            _stopping.Token);
        _follower.End();
        using var records = new PostgresRecordLog(_database, leadership, BootClock.Instance, _loggers.CreateLogger<PostgresRecordLog>());
        using var isOpening = _stopping.Token.UnsafeRegister(static records => ((PostgresRecordLog)records!).GiveUpAfter(TimeSpan.Zero), records);
        using var log = CommitLog.Open(
            records,
            _replica,
            _logOptions with { Leadership = (leadership.Term, (ulong)leadership.LeaderId, _candidate!.MemberId) },
            _loggers.CreateLogger<CommitLog>());
        isOpening.Dispose();
        BeginTerm(leadership, records, log);
        try
        {
            Task.WaitAny([log.Failed, _handOvers.Asked], _stopping.Token);
            leadership.Successor = _handOvers.Asked.IsCompletedSuccessfully ? _handOvers.Asked.Result : 0;
        }
        catch (OperationCanceledException)
        {
            records.GiveUpAfter(StopPatience);
        }

        _leading = null;
        _records = null;
        Interlocked.Add(ref _appendedBytes, records.AppendedBytes);
        log.Close();
        _following.EndTerm();
        if (log.Failure is { } failure && !leadership.IsDeposed)
        {
            throw new LogFailedException(_database.Place, new InvalidOperationException(failure));
        }
    }

    private void BeginTerm(PostgresLeadership leadership, PostgresRecordLog records, CommitLog log)
    {
        _handOvers.BeginTerm();
        _following.EndTerm();
        _records = records;
        _leading = log;
        _following.BeginOwnTerm(leadership, _candidate!.MemberId);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The log can be neither followed nor led any more.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
