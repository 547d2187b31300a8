using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>Base snapshots of replicas in the database: whoever is new, or far behind, begins from the newest one, and older records can go.</summary>
public static class PostgresSnapshots
{
    private const int RecordsPerDeletion = 10_000;

    // Much is written and deleted at once.
    private const int CommandTimeoutSeconds = 600;

    /// <param name="Index">The last record that it has.</param>
    /// <param name="ClusterId">Of which cluster it is.</param>
    /// <param name="Chunks">How many chunks it has.</param>
    public sealed record Snapshot(long Index, ulong ClusterId, long Chunks);

    /// <summary>The newest one that is complete, or null.</summary>
    public static Snapshot? Newest(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT index, cluster_id, chunks FROM {database.Snapshots} ORDER BY index DESC LIMIT 1", connection);
        using var reader = command.ExecuteReader();
        return reader.Read() ? new Snapshot(reader.GetInt64(0), (ulong)reader.GetInt64(1), reader.GetInt64(2)) : null;
    }

    /// <summary>Bytes of the records that no snapshot has.</summary>
    public static long BytesBehind(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand(
            $"SELECT coalesce(sum(length(record)), 0)::bigint FROM {database.Log} WHERE index > coalesce((SELECT max(index) FROM {database.Snapshots}), 0)", connection)
        {
            CommandTimeout = CommandTimeoutSeconds,
        };
        return (long)command.ExecuteScalar()!;
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

    /// <summary>Stores a snapshot; then the records go that the one before it has, and what is older than that one.</summary>
    public static void Store(NpgsqlConnection connection, PostgresDatabase database, long index, ulong clusterId, IEnumerable<byte[]> chunks, CancellationToken cancellationToken)
    {
        Run(connection, $"DELETE FROM {database.SnapshotChunks} WHERE index = $1 AND NOT EXISTS (SELECT 1 FROM {database.Snapshots} WHERE index = $1)", index);
        long place = 0;
        foreach (var chunk in chunks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Run(connection, $"INSERT INTO {database.SnapshotChunks} (index, place, bytes) VALUES ($1, $2, $3)", index, place++, chunk);
        }

        Run(connection, $"INSERT INTO {database.Snapshots} (index, cluster_id, chunks) VALUES ($1, $2, $3)", index, (long)clusterId, place);
        var kept = $"(SELECT min(index) FROM (SELECT index FROM {database.Snapshots} ORDER BY index DESC LIMIT 2) AS newest)";
        Run(connection, $"DELETE FROM {database.Snapshots} WHERE index < {kept}");
        Run(connection, $"DELETE FROM {database.SnapshotChunks} WHERE index < {kept}");
        while (Run(
            connection,
            $"DELETE FROM {database.Log} WHERE index IN (SELECT index FROM {database.Log} WHERE index <= {kept} AND (SELECT count(*) FROM {database.Snapshots}) > 1 ORDER BY index LIMIT {RecordsPerDeletion})") > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static int Run(NpgsqlConnection connection, string sql, params object[] values)
    {
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = CommandTimeoutSeconds };
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command.ExecuteNonQuery();
    }
}
