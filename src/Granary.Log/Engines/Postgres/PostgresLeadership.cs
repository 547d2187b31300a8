using Granary.Mvcc.Errors;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// This process leads: it has the row's term, and says again and again that it is there. Nobody takes over before having seen no sign of it for
/// its lease time by a clock of their own; it takes itself for the leader only for less than that since it last sent one that arrived. So no
/// clock of a database or another machine is relied on, but for how fast it goes.
/// </summary>
public sealed partial class PostgresLeadership : IDisposable
{
    // Clocks go at different speeds, but not by so much.
    private const double Margin = 0.9;

    // The least that the system's waits can tell apart.
    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan ComplaintInterval = TimeSpan.FromSeconds(5);

    private readonly PostgresDatabase _database;
    private readonly PostgresOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lost = new();
    private readonly ManualResetEventSlim _stopping = new();
    private readonly ManualResetEventSlim _isBeatDue = new();
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private TaskCompletionSource _nextProof = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _provedUntil;
    private long _shownIndex;
    private volatile string? _lostReason;
    private volatile bool _isDeposed;
    private bool _isDisposed;

    private PostgresLeadership(PostgresDatabase database, PostgresOptions options, TimeProvider clock, ILogger logger, LeadershipRow row, long sentAt)
    {
        _database = database;
        _options = options;
        _clock = clock;
        _logger = logger;
        Term = row.Term;
        LeaderId = row.LeaderId;
        LastIndex = row.LastIndex;
        Proved(sentAt);
        Log.Leads(logger, database.Place, Term, LastIndex);
        _thread = new Thread(Beat) { IsBackground = true, Name = "granary leadership", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
    }

    /// <summary>The term in which this process leads.</summary>
    public long Term { get; }

    /// <summary>The id that no other leader has.</summary>
    public long LeaderId { get; }

    /// <summary>The last record of the terms before.</summary>
    public long LastIndex { get; }

    /// <summary>Cancelled when this process has found out that it leads no more.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Why it leads no more, or null.</summary>
    public string? LostReason => _lostReason;

    /// <summary>Whether another process leads now, which is no fault of anything.</summary>
    public bool IsDeposed => _isDeposed;

    /// <summary>The member that is to take over when this process gives leadership up; 0 for any.</summary>
    public ulong Successor { get; set; }

    /// <summary>Whether nobody else can lead at this moment.</summary>
    public bool IsProved => _clock.GetTimestamp() < Interlocked.Read(ref _provedUntil) && _lostReason is null;

    /// <summary>Waits until nobody else leads, following the log meanwhile, and begins a term of its own.</summary>
    /// <param name="database">Has the tables.</param>
    /// <param name="options">Settings.</param>
    /// <param name="candidate">Who this process is.</param>
    /// <param name="clock">Goes on while the machine is suspended.</param>
    /// <param name="follow">Told who leads and of the last record, again and again, to read on to it over the connection.</param>
    /// <param name="logger">Told of who leads.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PostgresUnusableException">The database cannot be used.</exception>
    public static PostgresLeadership Acquire(
        PostgresDatabase database,
        PostgresOptions options,
        Candidate candidate,
        TimeProvider clock,
        Action<NpgsqlConnection, LeadershipRow> follow,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        LeadershipRow? seen = null;
        long seenAt = 0;
        long told = 0;
        var complainedAt = long.MinValue;
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    connection ??= database.Connect();
                    var row = LeadershipRow.Read(connection, database);
                    if (seen is null || (row.Term, row.LeaderId, row.Beats) != (seen.Term, seen.LeaderId, seen.Beats))
                    {
                        (seen, seenAt) = (row, clock.GetTimestamp());
                    }

                    follow(connection, row);
                    if (told != row.LeaderId && !row.IsReleased)
                    {
                        told = row.LeaderId;
                        Log.Follows(logger, row.Holder, row.Term);
                    }

                    var sentAt = clock.GetTimestamp();
                    var isFree = seen.IsReleased && (seen.Successor == 0 || seen.Successor == candidate.MemberId);
                    if ((isFree || clock.GetElapsedTime(seenAt, sentAt) > Patience(row)) && seen.TakeOver(connection, database, options.LeaseTime, candidate) is { } taken)
                    {
                        return new PostgresLeadership(database, options, clock, logger, taken, sentAt);
                    }
                }
                catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
                {
                    // While nobody looks, the leader cannot be seen to be silent.
                    connection?.Dispose();
                    (connection, seen) = (null, null);
                    if (complainedAt == long.MinValue || clock.GetElapsedTime(complainedAt) > ComplaintInterval)
                    {
                        complainedAt = clock.GetTimestamp();
                        Unreachable(logger, database, exception);
                    }
                }

                cancellationToken.WaitHandle.WaitOne(Pause());
            }
        }
        finally
        {
            connection?.Dispose();
        }

        // Until the next sign of life is due, or until there should have been one for too long.
        TimeSpan Pause()
        {
            var left = seen is null ? options.HeartbeatInterval : Patience(seen) - clock.GetElapsedTime(seenAt) + Instant;
            return left > Instant && left < options.HeartbeatInterval ? left : options.HeartbeatInterval;
        }

        TimeSpan Patience(LeadershipRow row) => row.LeaseTime > options.LeaseTime ? row.LeaseTime : options.LeaseTime;
    }

    /// <summary>Tells that the database cannot be reached for the moment.</summary>
    public static void Unreachable(ILogger logger, PostgresDatabase database, Exception exception) =>
        Log.Unreachable(logger, database.Place, exception.GetBaseException().Message);

    /// <summary>Returns once it is proved that this process led after the call began.</summary>
    /// <exception cref="EtcdException">It leads no more, or nobody knows in time.</exception>
    public ValueTask Prove(CancellationToken cancellationToken) => IsProved ? default : AwaitProof(cancellationToken);

    /// <summary>A sign of life, or a record, has arrived that was sent at this time.</summary>
    public void Proved(long sentAt)
    {
        TaskCompletionSource waiting;
        lock (_lock)
        {
            var until = sentAt + (long)(_options.LeaseTime.TotalSeconds * Margin * _clock.TimestampFrequency);
            if (until <= _provedUntil)
            {
                return;
            }

            Interlocked.Exchange(ref _provedUntil, until);
            (waiting, _nextProof) = (_nextProof, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waiting.TrySetResult();
    }

    /// <summary>This process shows the records up to one. The first ones of a term are told at once: all who follow wait for them.</summary>
    public void Shown(long index)
    {
        if (Interlocked.Exchange(ref _shownIndex, index) <= LastIndex)
        {
            _isBeatDue.Set();
        }
    }

    /// <summary>Another process leads.</summary>
    public void Depose(string reason)
    {
        _isDeposed = true;
        Lose(reason);
    }

    /// <summary>It has been found out that this process leads no more.</summary>
    public void Lose(string reason)
    {
        lock (_lock)
        {
            if (_lostReason is not null)
            {
                return;
            }

            _lostReason = reason;
        }

        Log.Lost(_logger, Term, reason);
        _lost.Cancel();
    }

    /// <summary>Gives leadership up, so that others need not wait.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        _stopping.Set();
        _thread.Join();
        if (_lostReason is null)
        {
            try
            {
                using var connection = _database.Connect();
                using var command = new NpgsqlCommand($"UPDATE {_database.Leadership} SET is_released = true, successor = $3, beats = beats + 1 WHERE term = $1 AND leader_id = $2", connection)
                {
                    Parameters = { new() { Value = Term }, new() { Value = LeaderId }, new() { Value = (long)Successor } },
                };
                command.ExecuteNonQuery();
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception) || exception is PostgresUnusableException)
            {
                // Others wait for the lease time, then.
            }
        }

        _lost.Dispose();
        _stopping.Dispose();
        _isBeatDue.Dispose();
    }

    private async ValueTask AwaitProof(CancellationToken cancellationToken)
    {
        var start = _clock.GetTimestamp();
        while (!IsProved)
        {
            Task next;
            lock (_lock)
            {
                next = _nextProof.Task;
            }

            EtcdException.ThrowIf(_lostReason is null ? null : EtcdError.LeaderChanged);
            var left = _options.ProofTimeout - _clock.GetElapsedTime(start);
            EtcdException.ThrowIf(left <= TimeSpan.Zero ? EtcdError.Timeout : null);

            // The loss of leadership ends the wait as well.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _lost.Token);
            await next.WaitAsync(left, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void Beat()
    {
        NpgsqlConnection? connection = null;
        NpgsqlCommand? command = null;
        var isCutOff = false;
        while (!_stopping.IsSet && _lostReason is null)
        {
            try
            {
                connection ??= _database.Connect();
                if (command is null)
                {
                    command = SignOfLife(connection);
                    command.Prepare();
                }

                var sentAt = _clock.GetTimestamp();
                _isBeatDue.Reset();
                command.Parameters[2].Value = Interlocked.Read(ref _shownIndex);
                if (_database.Kept(connection, command.CommandTimeout, command.ExecuteNonQuery) == 0)
                {
                    Depose("another process leads");
                    break;
                }

                Proved(sentAt);
                if (isCutOff)
                {
                    isCutOff = false;
                    Log.Reached(_logger, _database.Place);
                }
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
            {
                connection?.Dispose();
                (connection, command) = (null, null);
                if (!isCutOff)
                {
                    isCutOff = true;
                    Unreachable(_logger, _database, exception);
                }
            }
            catch (Exception exception)
            {
                Lose(exception.Message);
                break;
            }

            WaitHandle.WaitAny([_stopping.WaitHandle, _isBeatDue.WaitHandle], _options.HeartbeatInterval);
        }

        connection?.Dispose();
    }

    /// <summary>Changes the row if this process still leads, and nothing else: no row is changed if it does not, or is no member any more.</summary>
    internal NpgsqlCommand SignOfLife(NpgsqlConnection connection) =>
        new($"UPDATE {_database.Leadership} SET beats = beats + 1, shown_index = greatest(shown_index, $3) WHERE term = $1 AND leader_id = $2 AND {_database.HasMember}", connection)
        {
            Parameters = { new() { Value = Term }, new() { Value = LeaderId }, new() { Value = Interlocked.Read(ref _shownIndex) } },
        };

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Information, "Leads {Place} in term {Term}, behind record {LastIndex}.")]
        public static partial void Leads(ILogger logger, string place, long term, long lastIndex);

        [LoggerMessage(21, LogLevel.Information, "Follows {Holder}, who leads in term {Term}.")]
        public static partial void Follows(ILogger logger, string holder, long term);

        [LoggerMessage(22, LogLevel.Warning, "Cannot reach {Place} and tries again: {Reason}")]
        public static partial void Unreachable(ILogger logger, string place, string reason);

        [LoggerMessage(23, LogLevel.Information, "Reaches {Place} again, and still leads.")]
        public static partial void Reached(ILogger logger, string place);

        [LoggerMessage(24, LogLevel.Error, "Leads no more in term {Term}: {Reason}")]
        public static partial void Lost(ILogger logger, long term, string reason);
    }
}
