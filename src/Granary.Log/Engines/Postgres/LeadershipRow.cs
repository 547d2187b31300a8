using Granary.Log.Commits;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>What the row of leadership says at one moment.</summary>
/// <param name="Term">Grows with each leader.</param>
/// <param name="LeaderId">Of each leader another, by chance: terms may begin anew when a database has lost some.</param>
/// <param name="Holder">Who leads, or led last.</param>
/// <param name="ClientUrls">Where clients reach its holder.</param>
/// <param name="Beats">Grows with each sign of life.</param>
/// <param name="LeaseTime">How long its holder may be silent.</param>
/// <param name="IsReleased">Whether its holder has given it up.</param>
/// <param name="LastIndex">The last record of the log.</param>
public sealed record LeadershipRow(
    long Term, long LeaderId, string Holder, IReadOnlyList<string> ClientUrls, long Beats, TimeSpan LeaseTime, bool IsReleased, long LastIndex)
{
    private const string Columns = "term, leader_id, holder, client_urls, beats, lease_milliseconds, is_released, last_index";

    internal static LeadershipRow Read(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM {database.Leadership}", connection);
        return One(command) ?? throw new PostgresUnusableException("the table of leadership is empty: it has been tampered with");
    }

    /// <summary>Begins the next term, if the row is still as it was seen; null if it is not.</summary>
    internal LeadershipRow? TakeOver(NpgsqlConnection connection, PostgresDatabase database, PostgresOptions options)
    {
        using var command = new NpgsqlCommand(
            $"""
            UPDATE {database.Leadership} SET term = term + 1, leader_id = $6, holder = $3, client_urls = $5, beats = beats + 1, lease_milliseconds = $4, is_released = false
            WHERE term = $1 AND beats = $2 AND leader_id = $7 RETURNING {Columns}
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = Term }, new() { Value = Beats }, new() { Value = options.Holder }, new() { Value = (long)options.LeaseTime.TotalMilliseconds },
                new() { Value = options.ClientUrls.ToArray() }, new() { Value = (long)CommitLog.NewId() },
                new() { Value = LeaderId },
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
                reader.GetFieldValue<string[]>(3),
                reader.GetInt64(4),
                TimeSpan.FromMilliseconds(reader.GetInt64(5)),
                reader.GetBoolean(6),
                reader.GetInt64(7))
            : null;
    }
}
