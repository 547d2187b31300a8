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
    private readonly PostgresDatabase _database;
    private readonly PostgresOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lost = new();
    private readonly LeaderProof _proof;
    private readonly ManualResetEventSlim _stopping = new();
    private readonly ManualResetEventSlim _isBeatDue = new();
    private readonly Thread _thread;
    private readonly Lock _lock = new();
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
        _proof = new LeaderProof(options.LeaseTime, options.ProofTimeout, clock, _lost.Token);
        _proof.Extend(sentAt);
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
    public bool IsProved => _proof.Holds;

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
        var (row, sentAt) = new Campaign(database, options, candidate, clock, follow, logger).Win(cancellationToken);
        return new PostgresLeadership(database, options, clock, logger, row, sentAt);
    }

    /// <summary>Returns once it is proved that this process led after the call began.</summary>
    /// <exception cref="EtcdException">It leads no more, or nobody knows in time.</exception>
    public ValueTask Prove(CancellationToken cancellationToken) => _proof.Wait(cancellationToken);

    /// <summary>A sign of life, or a record, has arrived that was sent at this time.</summary>
    public void Proved(long sentAt) => _proof.Extend(sentAt);

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

        _lost.Cancel();
        Log.Lost(_logger, Term, reason);
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

                _proof.Extend(sentAt);
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
                    _database.TellUnreachable(_logger, exception);
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

        [LoggerMessage(23, LogLevel.Information, "Reaches {Place} again, and still leads.")]
        public static partial void Reached(ILogger logger, string place);

        [LoggerMessage(24, LogLevel.Error, "Leads no more in term {Term}: {Reason}")]
        public static partial void Lost(ILogger logger, long term, string reason);
    }
}
