using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>Reads the records of the log, in order.</summary>
public static class PostgresLogReader
{
    // Of each read: all together may take as long as there are records.
    private const int TimeoutSeconds = 30;

    /// <summary>Hands over the records behind one, up to another.</summary>
    /// <param name="connection">To the database.</param>
    /// <param name="database">Has the tables.</param>
    /// <param name="after">The last record that is known already; 0 for none.</param>
    /// <param name="leaderId">The leader that wrote it.</param>
    /// <param name="through">The last one to be read.</param>
    /// <param name="replay">Gets them.</param>
    /// <exception cref="PostgresBehindException">The next one is not kept any more.</exception>
    /// <exception cref="PostgresUnusableException">Some are missing, or the one that is known is another one here.</exception>
    public static void Replay(NpgsqlConnection connection, PostgresDatabase database, long after, ulong leaderId, long through, ReplayRecord replay)
    {
        if (through < after)
        {
            throw new PostgresUnusableException(
                $"the log in {database.Place} ends with record {through}, and this data directory is at record {after}: the database has lost records, " +
                "or is another one. To go by the database, begin with an empty data directory");
        }

        // Of the one that is known only by whom it is.
        using var command = new NpgsqlCommand(
            $"SELECT index, leader_id, CASE WHEN index > $1 THEN record END FROM {database.Log} WHERE index >= $1 AND index <= $2 ORDER BY index", connection)
        {
            CommandTimeout = TimeoutSeconds,
            Parameters = { new() { Value = after }, new() { Value = through } },
        };
        using var reader = command.ExecuteReader(System.Data.CommandBehavior.SequentialAccess);
        var next = after + 1;
        var isKnown = after == 0;
        while (reader.Read())
        {
            var index = reader.GetInt64(0);
            if (index == after)
            {
                isKnown = reader.GetInt64(1) == (long)leaderId ? true : throw new PostgresUnusableException(
                    $"record {after} of the log in {database.Place} is another one than this data directory has: the database has lost records and gone on, or is another " +
                    "one. To go by the database, begin with an empty data directory");
                continue;
            }

            if (index != next || !isKnown)
            {
                break;
            }

            replay(index, reader.GetFieldValue<byte[]>(2));
            next++;
        }

        reader.Close();
        if (next == after + 1 && (!isKnown || through > after) && PostgresSnapshots.Newest(connection, database) is { } snapshot && snapshot.Index >= after)
        {
            throw new PostgresBehindException(after, snapshot.Index);
        }

        if (next != through + 1 || !isKnown)
        {
            throw new PostgresUnusableException($"the log in {database.Place} has no record {(isKnown ? next : after)}: the table has been tampered with");
        }
    }
}
