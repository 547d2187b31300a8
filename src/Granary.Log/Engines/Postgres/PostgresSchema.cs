using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>Makes the tables, and brings older ones up to date.</summary>
public static class PostgresSchema
{
    // Any number that nobody else takes a lock by.
    private const long MigrationLock = 0x4772_616E_6172_79;

    // Each step is run once, in order; their number is the version.
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE {0}.log (
            index bigint PRIMARY KEY,
            leader_id bigint NOT NULL,
            record bytea NOT NULL
        );
        ALTER TABLE {0}.log ALTER COLUMN record SET STORAGE EXTERNAL;
        CREATE TABLE {0}.leadership (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            term bigint NOT NULL,
            leader_id bigint NOT NULL,
            holder text NOT NULL,
            client_urls text[] NOT NULL,
            beats bigint NOT NULL,
            lease_milliseconds bigint NOT NULL,
            is_released boolean NOT NULL,
            last_index bigint NOT NULL
        ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
        CREATE TABLE {0}.snapshot (
            index bigint PRIMARY KEY,
            leader_id bigint NOT NULL,
            chunks bigint NOT NULL,
            made_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE {0}.snapshot_chunk (
            index bigint NOT NULL,
            place bigint NOT NULL,
            bytes bytea NOT NULL,
            PRIMARY KEY (index, place)
        );
        ALTER TABLE {0}.snapshot_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
        INSERT INTO {0}.leadership (term, leader_id, holder, client_urls, beats, lease_milliseconds, is_released, last_index) VALUES (0, 0, '', ARRAY[]::text[], 0, 0, true, 0);
        """,
        """
        ALTER TABLE {0}.leadership
            DROP COLUMN client_urls,
            ADD COLUMN member_id bigint NOT NULL DEFAULT 0,
            ADD COLUMN silo text NOT NULL DEFAULT '',
            ADD COLUMN successor bigint NOT NULL DEFAULT 0;
        CREATE TABLE {0}.member (
            id bigint PRIMARY KEY,
            name text NOT NULL UNIQUE,
            peer_urls text[] NOT NULL,
            client_urls text[] NOT NULL,
            silo text NOT NULL,
            process text NOT NULL
        );
        CREATE TABLE {0}.member_certificate (
            name text PRIMARY KEY,
            sha256 text NOT NULL
        );
        CREATE TABLE {0}.silo_table (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            cluster text NOT NULL,
            version bigint NOT NULL
        );
        INSERT INTO {0}.silo_table (cluster, version) VALUES (md5(random()::text || clock_timestamp()::text), 0);
        CREATE TABLE {0}.silo (
            address text PRIMARY KEY,
            version bigint NOT NULL,
            entry text NOT NULL,
            alive_at timestamptz NOT NULL
        );
        """,
        """
        ALTER TABLE {0}.member
            ADD COLUMN is_learner boolean NOT NULL DEFAULT false,
            DROP CONSTRAINT member_name_key;
        CREATE UNIQUE INDEX member_name ON {0}.member (name) WHERE name <> '';
        """,
        """
        ALTER TABLE {0}.leadership ADD COLUMN shown_index bigint NOT NULL DEFAULT 0;
        UPDATE {0}.leadership SET shown_index = last_index;
        """,
    ];

    /// <summary>As <see cref="Ensure"/>, as soon as the database can be reached.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public static void EnsureWhenReachable(PostgresDatabase database, PostgresOptions options, ILogger logger, CancellationToken cancellationToken) =>
        database.WhenReachable(
            connection =>
            {
                Ensure(connection, options.Schema);
                return true;
            },
            logger,
            cancellationToken);

    /// <exception cref="PostgresUnusableException">The tables are those of a newer version, or cannot be made.</exception>
    /// <exception cref="NpgsqlException">The database is away.</exception>
    public static void Ensure(PostgresDatabase database, string schema)
    {
        using var connection = database.Connect();
        Ensure(connection, schema);
    }

    private static void Ensure(NpgsqlConnection connection, string schema)
    {
        try
        {
            using var transaction = connection.BeginTransaction();
            Run(connection, $"SELECT pg_advisory_xact_lock({MigrationLock})");
            if (Find(connection, schema) is null)
            {
                Run(connection, $"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {schema}.version (version bigint NOT NULL); INSERT INTO {schema}.version VALUES (0)");
            }

            using var read = new NpgsqlCommand($"SELECT version FROM {schema}.version", connection);
            var version = (long)read.ExecuteScalar()!;
            if (version > Steps.Length)
            {
                throw new PostgresUnusableException(
                    $"the tables in schema {schema} are of version {version}, and this Granary knows {Steps.Length} at most: start one that is as new as the one that made them");
            }

            for (var step = version; step < Steps.Length; step++)
            {
                Run(connection, string.Format(System.Globalization.CultureInfo.InvariantCulture, Steps[step], schema));
            }

            Run(connection, $"UPDATE {schema}.version SET version = {Steps.Length} WHERE version < {Steps.Length}");
            transaction.Commit();
        }
        catch (PostgresException exception) when (!PostgresDatabase.IsPassing(exception))
        {
            throw new PostgresUnusableException($"PostgreSQL refuses: {exception.MessageText}", exception);
        }
    }

    private static string? Find(NpgsqlConnection connection, string schema)
    {
        using var command = new NpgsqlCommand("SELECT to_regclass($1)::text", connection) { Parameters = { new() { Value = $"{schema}.version" } } };
        return command.ExecuteScalar() as string;
    }

    private static void Run(NpgsqlConnection connection, string sql)
    {
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }
}
