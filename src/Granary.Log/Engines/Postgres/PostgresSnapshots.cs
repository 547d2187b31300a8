using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>Base snapshots of replicas in the database: whoever is new, or far behind, begins from the newest one, and older records can go.</summary>
public static class PostgresSnapshots
{
    private const int RecordsPerDeletion = 10_000;

    // Much is written and deleted at once.
    private const int CommandTimeoutSeconds = 120;

    /// <param name="Index">The last record that it has.</param>
    /// <param name="Chunks">How many chunks it has.</param>
    public sealed record Snapshot(long Index, long Chunks);

    /// <summary>The newest one that is complete, or null.</summary>
    public static Snapshot? Newest(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT index, chunks FROM {database.Snapshots} ORDER BY index DESC LIMIT 1", connection);
        using var reader = command.ExecuteReader();
        return reader.Read() ? new Snapshot(reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    /// <summary>Bytes of the records that no snapshot has.</summary>
    public static long BytesBehind(NpgsqlConnection connection, PostgresDatabase database, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(
            $"SELECT coalesce(sum(length(record)), 0)::bigint FROM {database.Log} WHERE index > coalesce((SELECT max(index) FROM {database.Snapshots}), 0)", connection)
        {
            CommandTimeout = CommandTimeoutSeconds,
        };
        return (long)command.ExecuteScalarAsync(cancellationToken).GetAwaiter().GetResult()!;
    }

    /// <summary>Has this connection be the only one that makes a snapshot, until it ends or <see cref="End"/> is called; false when another one does.</summary>
    public static bool TryBegin(NpgsqlConnection connection, PostgresDatabase database) => Lock(connection, database, "pg_try_advisory_lock");

    public static void End(NpgsqlConnection connection, PostgresDatabase database)
    {
        // A connection that is broken holds no lock.
        if (connection.FullState == System.Data.ConnectionState.Open)
        {
            Lock(connection, database, "pg_advisory_unlock");
        }
    }

    /// <summary>The chunks of a snapshot, in order.</summary>
    /// <exception cref="PostgresUnusableException">Some are missing.</exception>
    public static IEnumerable<byte[]> Chunks(NpgsqlConnection connection, PostgresDatabase database, Snapshot snapshot)
    {
        using var command = new NpgsqlCommand($"SELECT bytes FROM {database.SnapshotChunks} WHERE index = $1 ORDER BY place", connection)
        {
            CommandTimeout = CommandTimeoutSeconds,
            Parameters = { new() { Value = snapshot.Index } },
        };
        using var reader = command.ExecuteReader(System.Data.CommandBehavior.SequentialAccess);
        long found = 0;
        while (reader.Read())
        {
            found++;
            yield return reader.GetFieldValue<byte[]>(0);
        }

        if (found != snapshot.Chunks)
        {
            throw new PostgresUnusableException(
                $"the base snapshot at record {snapshot.Index} in {database.Place} has {found} chunks of {snapshot.Chunks}: it was replaced meanwhile, or tampered with");
        }
    }

    /// <summary>
    /// Stores a snapshot; then the records go that the one before it has, and what is older than that one. The last record that the one before it has stays: by that a
    /// replica which began from it is known to be of this log.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another process leads, and does the same.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public static void Store(
        NpgsqlConnection connection, PostgresDatabase database, long index, ulong leaderId, IEnumerable<byte[]> chunks, CancellationToken cancellationToken)
    {
        // What an attempt has left that came to no end.
        Run($"DELETE FROM {database.SnapshotChunks} WHERE index NOT IN (SELECT index FROM {database.Snapshots})");
        long place = 0;
        foreach (var chunk in chunks)
        {
            Run($"INSERT INTO {database.SnapshotChunks} (index, place, bytes) VALUES ($1, $2, $3)", index, place++, chunk);
        }

        var stored = Run(
            $"""
            INSERT INTO {database.Snapshots} (index, leader_id, chunks) SELECT $1, $2, $3
            WHERE (SELECT count(*) FROM {database.SnapshotChunks} WHERE index = $1) = $3 AND EXISTS (SELECT 1 FROM {database.Leadership} WHERE leader_id = $2)
            """,
            index,
            (long)leaderId,
            place);
        if (stored == 0)
        {
            throw new InvalidOperationException("Another process leads, and has removed what was stored of the snapshot.");
        }

        var kept = $"(SELECT min(index) FROM (SELECT index FROM {database.Snapshots} ORDER BY index DESC LIMIT 2) AS newest)";
        Run($"DELETE FROM {database.Snapshots} WHERE index < {kept}");
        Run($"DELETE FROM {database.SnapshotChunks} WHERE index < {kept}");
        while (Run(
            $"DELETE FROM {database.Log} WHERE index IN (SELECT index FROM {database.Log} WHERE index < {kept} AND (SELECT count(*) FROM {database.Snapshots}) > 1 ORDER BY index LIMIT {RecordsPerDeletion})") > 0)
        {
            // Some at a time, so that nothing else waits for it.
        }

        int Run(string sql, params object[] values)
        {
            using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = CommandTimeoutSeconds };
            foreach (var value in values)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
            }

            return command.ExecuteNonQueryAsync(cancellationToken).GetAwaiter().GetResult();
        }
    }

    private static bool Lock(NpgsqlConnection connection, PostgresDatabase database, string function)
    {
        using var command = new NpgsqlCommand($"SELECT {function}(hashtextextended($1, 0))", connection) { Parameters = { new() { Value = database.Snapshots } } };
        return (bool)command.ExecuteScalar()!;
    }
}
