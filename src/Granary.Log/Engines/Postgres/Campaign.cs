using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// Waits until nobody else leads, and takes over. Nobody is taken for silent before no sign of life of theirs was seen for their lease time, by
/// the clock of the one that looks.
/// </summary>
/// <param name="database">Has the tables.</param>
/// <param name="options">Settings.</param>
/// <param name="candidate">Who this process is.</param>
/// <param name="clock">Goes on while the machine is suspended.</param>
/// <param name="follow">Told who leads and of the last record, again and again, to read on to it over the connection.</param>
/// <param name="logger">Told of who leads.</param>
internal sealed partial class Campaign(
    PostgresDatabase database, PostgresOptions options, Candidate candidate, TimeProvider clock, Action<NpgsqlConnection, LeadershipRow> follow, ILogger logger)
{
    // The least that the system's waits can tell apart.
    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan ComplaintInterval = TimeSpan.FromSeconds(5);

    // The row as it was when its leader last gave a sign of life, and when that was seen here.
    private LeadershipRow? _seen;
    private long _seenAt;
    private long _toldLeaderId;
    private long _complainedAt = long.MinValue;

    /// <summary>Waits, and begins a term of its own.</summary>
    /// <returns>The row of that term, and the time at which it was asked for.</returns>
    /// <exception cref="PostgresUnusableException">The database cannot be used.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public (LeadershipRow Row, long SentAt) Win(CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    connection ??= database.Connect();
                    if (Look(connection) is { } won)
                    {
                        return won;
                    }
                }
                catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
                {
                    // While nobody looks, the leader cannot be seen to be silent.
                    connection?.Dispose();
                    (connection, _seen) = (null, null);
                    Complain(exception);
                }

                cancellationToken.WaitHandle.WaitOne(Pause());
            }
        }
        finally
        {
            connection?.Dispose();
        }
    }

    private (LeadershipRow Row, long SentAt)? Look(NpgsqlConnection connection)
    {
        var row = LeadershipRow.Read(connection, database);
        var seen = _seen;
        if (seen is null || (row.Term, row.LeaderId, row.Beats) != (seen.Term, seen.LeaderId, seen.Beats))
        {
            (_seen, _seenAt) = (row, clock.GetTimestamp());
            seen = row;
        }

        follow(connection, row);
        if (_toldLeaderId != row.LeaderId && !row.IsReleased)
        {
            _toldLeaderId = row.LeaderId;
            Log.Follows(logger, row.Holder, row.Term);
        }

        var sentAt = clock.GetTimestamp();
        var isFree = seen.IsReleased && (seen.Successor == 0 || seen.Successor == candidate.MemberId);
        return (isFree || clock.GetElapsedTime(_seenAt, sentAt) > Patience(row)) && seen.TakeOver(connection, database, options.LeaseTime, candidate) is { } taken
            ? (taken, sentAt)
            : null;
    }

    private void Complain(Exception exception)
    {
        if (_complainedAt == long.MinValue || clock.GetElapsedTime(_complainedAt) > ComplaintInterval)
        {
            _complainedAt = clock.GetTimestamp();
            database.TellUnreachable(logger, exception);
        }
    }

    // Until the next sign of life is due, or until there should have been one for too long.
    private TimeSpan Pause()
    {
        var left = _seen is null ? options.HeartbeatInterval : Patience(_seen) - clock.GetElapsedTime(_seenAt) + Instant;
        return left > Instant && left < options.HeartbeatInterval ? left : options.HeartbeatInterval;
    }

    private TimeSpan Patience(LeadershipRow row) => row.LeaseTime > options.LeaseTime ? row.LeaseTime : options.LeaseTime;

    private static partial class Log
    {
        [LoggerMessage(21, LogLevel.Information, "Follows {Holder}, who leads in term {Term}.")]
        public static partial void Follows(ILogger logger, string holder, long term);
    }
}
