using System.Buffers;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// The log as a table. A group is one statement, which holds only in the term of this leader and directly behind the last record: whoever leads
/// no more appends nothing, whatever they believe. A group whose fate is unknown is looked up before anything else is done.
/// </summary>
public sealed partial class PostgresRecordLog : IRecordLog
{
    // What one value can have is a gigabyte, and its text in an error twice as much.
    private const int MostRecordBytes = 256 << 20;

    // Beside the time that every statement has: of a group that is large, and of a database that is slow.
    private const int BytesPerSecond = 4 << 20;
    private const int LongestTimeoutSeconds = 60;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(50);

    private readonly PostgresDatabase _database;
    private readonly PostgresLeadership _leadership;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly ArrayBufferWriter<byte> _record = new();
    private readonly List<byte[]> _staged = [];

    // Behind those that are shown here: nobody else may show them either.
    private readonly List<byte[]> _durable = [];
    private readonly CancellationTokenSource _givenUp = new();
    private NpgsqlConnection? _connection;
    private NpgsqlCommand? _append;
    private long _lastIndex;
    private long _appendedBytes;

    /// <param name="database">Has the tables.</param>
    /// <param name="leadership">Of this process, all of whose records before have been read.</param>
    /// <param name="clock">That of the leadership.</param>
    /// <param name="logger">Told of what has to be tried again.</param>
    public PostgresRecordLog(PostgresDatabase database, PostgresLeadership leadership, TimeProvider clock, ILogger logger)
    {
        _logger = logger;
        _database = database;
        _leadership = leadership;
        _clock = clock;
        _lastIndex = leadership.LastIndex;
        Tail = new RecordTail(leadership.LastIndex);
    }

    /// <summary>Bytes of records that were appended.</summary>
    public long AppendedBytes => Interlocked.Read(ref _appendedBytes);

    /// <summary>The newest records, for those who follow.</summary>
    public RecordTail Tail { get; }

    public int MaxRecordBytes => MostRecordBytes;

    public CancellationToken Lost => _leadership.Lost;

    public bool IsLeading => _leadership.IsProved;

    public ValueTask Prove(CancellationToken cancellationToken) => _leadership.Prove(cancellationToken);

    public bool HasRoomFor(int maxBytes) => true;

    public IBufferWriter<byte> BeginRecord(int maxBytes)
    {
        _record.ResetWrittenCount();
        return _record;
    }

    public long EndRecord()
    {
        _staged.Add(_record.WrittenSpan.ToArray());
        return _lastIndex + _staged.Count;
    }

    public void Flush()
    {
        if (_staged.Count == 0)
        {
            return;
        }

        var isUnknown = false;
        var bytes = _staged.Sum(static record => (long)record.Length);
        var timeout = PostgresDatabase.CommandTimeoutSeconds + (int)(bytes / BytesPerSecond);
        while (true)
        {
            ThrowIfOver();
            try
            {
                if (TryAppend(isUnknown, timeout))
                {
                    _durable.AddRange(_staged);
                    _lastIndex += _staged.Count;
                    Interlocked.Add(ref _appendedBytes, bytes);
                    _staged.Clear();
                    return;
                }
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
            {
                // It may have been appended or not, and a backend that nobody speaks to any more may still append it.
                if (!isUnknown)
                {
                    Log.Retries(_logger, _staged.Count, exception.GetBaseException().Message);
                }

                Disconnect();
                isUnknown = true;
                timeout = Math.Min(timeout * 2, LongestTimeoutSeconds);
                Task.Delay(RetryInterval, _leadership.Lost).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
            }
            catch (Exception exception) when (exception is not LogFailedException)
            {
                throw new LogFailedException(_database.Place, exception);
            }
        }
    }

    public void Shown()
    {
        if (_durable.Count > 0)
        {
            Tail.Add(_lastIndex - _durable.Count + 1, _durable);
            _durable.Clear();
            _leadership.Shown(_lastIndex);
        }
    }

    public void Recycle(long throughIndex)
    {
        // Records go when a base snapshot has them: other processes begin from the table.
    }

    /// <summary>Waits for the database no longer than this.</summary>
    public void GiveUpAfter(TimeSpan time) => _givenUp.CancelAfter(time);

    public void Close() => Disconnect();

    public void Dispose()
    {
        Disconnect();
        _leadership.Dispose();
        _givenUp.Dispose();
    }

    /// <summary>Appends what is staged, if it has not been.</summary>
    /// <param name="isUnknown">Whether it may have been.</param>
    /// <param name="timeoutSeconds">How long it may take.</param>
    /// <returns>False to try once more.</returns>
    private bool TryAppend(bool isUnknown, int timeoutSeconds)
    {
        _connection ??= _database.Connect();
        if (isUnknown && IsAppended(_connection))
        {
            Vouch(_connection, timeoutSeconds);
            return true;
        }

        _append ??= Prepared(_connection);
        _append.Parameters[1].Value = _lastIndex;
        _append.Parameters[2].Value = _staged.ToArray();
        _append.CommandTimeout = timeoutSeconds;
        var sentAt = _clock.GetTimestamp();
        if (_database.Kept(_connection, timeoutSeconds, _append.ExecuteNonQuery) == _staged.Count)
        {
            _leadership.Proved(sentAt);
            return true;
        }

        // Another leads; or a backend from before a break in the connection was quicker.
        if (!IsAppended(_connection))
        {
            return false;
        }

        Vouch(_connection, timeoutSeconds);
        return true;
    }

    // That it can be read does not say that a standby has it: that a later change has got there does.
    private void Vouch(NpgsqlConnection connection, int timeoutSeconds)
    {
        using var command = _leadership.SignOfLife(connection);
        command.CommandTimeout = timeoutSeconds;
        if (_database.Kept(connection, timeoutSeconds, command.ExecuteNonQuery) == 0)
        {
            _leadership.Depose("another process leads");
            ThrowIfOver();
        }
    }

    private bool IsAppended(NpgsqlConnection connection)
    {
        var row = LeadershipRow.Read(connection, _database);
        if ((row.Term, row.LeaderId) != (_leadership.Term, _leadership.LeaderId))
        {
            _leadership.Depose($"{row.Holder} leads in term {row.Term}");
            ThrowIfOver();
        }

        return row.LastIndex == _lastIndex + _staged.Count || (row.LastIndex == _lastIndex ? false : throw new LogFailedException(
            _database.Place, new InvalidDataException($"It ends with record {row.LastIndex}, though {_lastIndex} was acknowledged: the database has lost records.")));
    }

    private NpgsqlCommand Prepared(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(
            $"""
            WITH leader AS (
                UPDATE {_database.Leadership} SET last_index = last_index + cardinality($3), shown_index = $2, beats = beats + 1
                WHERE term = $1 AND leader_id = $4 AND last_index = $2 AND {_database.HasMember} RETURNING leader_id)
            INSERT INTO {_database.Log} (index, leader_id, record)
            SELECT $2 + place, leader.leader_id, record FROM leader, unnest($3) WITH ORDINALITY AS staged (record, place)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = _leadership.Term },
                new() { NpgsqlDbType = NpgsqlDbType.Bigint },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea },
                new() { Value = _leadership.LeaderId },
            },
        };
        command.Prepare();
        return command;
    }

    private void ThrowIfOver()
    {
        if (_leadership.LostReason is { } reason)
        {
            throw new LogFailedException(_database.Place, new InvalidOperationException($"This process leads no more: {reason}."));
        }

        if (_givenUp.IsCancellationRequested)
        {
            throw new LogFailedException(_database.Place, new TimeoutException("The database could not be reached before the end."));
        }
    }

    private void Disconnect()
    {
        _append?.Dispose();
        _connection?.Dispose();
        (_append, _connection) = (null, null);
    }

    private static partial class Log
    {
        [LoggerMessage(30, LogLevel.Warning, "{Count} records have not arrived for certain and are tried again: {Reason}")]
        public static partial void Retries(ILogger logger, int count, string reason);
    }
}
