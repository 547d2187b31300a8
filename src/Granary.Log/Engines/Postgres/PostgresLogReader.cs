using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>Reads the records of the log, in order.</summary>
public static class PostgresLogReader
{
    /// <summary>Hands over the records behind one, up to another.</summary>
    /// <exception cref="PostgresBehindException">The next one is not kept any more.</exception>
    /// <exception cref="PostgresUnusableException">Some are missing.</exception>
    public static void Replay(NpgsqlConnection connection, PostgresDatabase database, long after, long through, ReplayRecord replay)
    {
        if (through < after)
        {
            throw new PostgresUnusableException(
                $"the log in {database.Place} ends with record {through}, and this data directory is at record {after}: the database has lost records, " +
                "or is another one. To go by the database, begin with an empty data directory");
        }

        if (through == after)
        {
            return;
        }

        using var command = new NpgsqlCommand($"SELECT index, record FROM {database.Log} WHERE index > $1 AND index <= $2 ORDER BY index", connection)
        {
            // Of each read; all together may take as long as there are records.
            CommandTimeout = 0,
            Parameters = { new() { Value = after }, new() { Value = through } },
        };
        var reader = command.ExecuteReader(System.Data.CommandBehavior.SequentialAccess);
        var next = after + 1;
        while (reader.Read())
        {
            var index = reader.GetInt64(0);
            if (index != next)
            {
                break;
            }

            replay(index, reader.GetFieldValue<byte[]>(1));
            next++;
        }

        reader.Dispose();
        if (next == after + 1 && PostgresSnapshots.Newest(connection, database) is { } snapshot && snapshot.Index > after)
        {
            throw new PostgresBehindException(after, snapshot.Index);
        }

        if (next != through + 1)
        {
            throw new PostgresUnusableException($"the log in {database.Place} has no record {next}: the table has been tampered with");
        }
    }
}
