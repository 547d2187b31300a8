using Granary.Mvcc;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>What the row of leadership says at one moment.</summary>
/// <param name="Term">Grows with each leader.</param>
/// <param name="LeaderId">Of each leader another, by chance: terms may begin anew when a database has lost some.</param>
/// <param name="Holder">Who leads, or led last.</param>
/// <param name="MemberId">Its id in the cluster.</param>
/// <param name="Silo">The address of its silo.</param>
/// <param name="Beats">Grows with each sign of life.</param>
/// <param name="LeaseTime">How long its holder may be silent.</param>
/// <param name="IsReleased">Whether its holder has given it up.</param>
/// <param name="Successor">The member that is to take over from a holder who has given it up; 0 for any.</param>
/// <param name="LastIndex">The last record of the log.</param>
/// <param name="ShownIndex">The last record that its holder is known to show.</param>
public sealed record LeadershipRow(
    long Term, long LeaderId, string Holder, ulong MemberId, string Silo, long Beats, TimeSpan LeaseTime, bool IsReleased, ulong Successor, long LastIndex, long ShownIndex)
{
    private const string Columns = "term, leader_id, holder, member_id, silo, beats, lease_milliseconds, is_released, successor, last_index, shown_index";

    /// <summary>
    /// The last record that may be shown by those who follow. None that the leader may not show yet: who has seen it would find it gone there.
    /// Whoever has given leadership up shows nothing as the newest any more.
    /// </summary>
    public long LastToShow => IsReleased ? LastIndex : ShownIndex;

    internal static LeadershipRow Read(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM {database.Leadership}", connection);
        return One(command) ?? throw new PostgresUnusableException("the table of leadership is empty: it has been tampered with");
    }

    /// <summary>Begins the next term, if the row is still as it was seen; null if it is not.</summary>
    internal LeadershipRow? TakeOver(NpgsqlConnection connection, PostgresDatabase database, TimeSpan leaseTime, Candidate candidate)
    {
        using var command = new NpgsqlCommand(
            $"""
            UPDATE {database.Leadership} SET term = term + 1, leader_id = $6, holder = $3, member_id = $5, silo = $8, successor = 0, beats = beats + 1,
                lease_milliseconds = $4, is_released = false
            WHERE term = $1 AND beats = $2 AND leader_id = $7 AND EXISTS (SELECT 1 FROM {database.Members} WHERE id = $5 AND silo = $8 AND NOT is_learner)
            RETURNING {Columns}
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = Term }, new() { Value = Beats }, new() { Value = candidate.Holder }, new() { Value = (long)leaseTime.TotalMilliseconds },
                new() { Value = (long)candidate.MemberId }, new() { Value = (long)RandomId.New() },
                new() { Value = LeaderId }, new() { Value = candidate.Silo },
            },
        };
        return database.Kept(connection, command.CommandTimeout, () => One(command));
    }

    private static LeadershipRow? One(NpgsqlCommand command)
    {
        using var reader = command.ExecuteReader();
        return reader.Read()
            ? new LeadershipRow(
                reader.GetInt64(0),
                reader.GetInt64(1),
                reader.GetString(2),
                (ulong)reader.GetInt64(3),
                reader.GetString(4),
                reader.GetInt64(5),
                TimeSpan.FromMilliseconds(reader.GetInt64(6)),
                reader.GetBoolean(7),
                (ulong)reader.GetInt64(8),
                reader.GetInt64(9),
                reader.GetInt64(10))
            : null;
    }
}
