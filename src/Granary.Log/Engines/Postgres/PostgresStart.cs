using Granary.Log.Commits;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>What a process does with the database before it follows the log: the tables are made, and its replica is filled.</summary>
public static partial class PostgresStart
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(5);

    /// <summary>Makes the tables if they are not there, as soon as the database can be reached.</summary>
    /// <exception cref="PostgresUnusableException">The database cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public static PostgresDatabase Open(PostgresOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        var database = new PostgresDatabase(options);
        try
        {
            PostgresSchema.EnsureWhenReachable(database, options, logger, cancellationToken);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>The name that the cluster of this log has, by chance: silos of another one are not taken for its own.</summary>
    public static string ClusterName(PostgresDatabase database, ILogger logger, CancellationToken cancellationToken) => database.WhenReachable(
        connection =>
        {
            using var command = new NpgsqlCommand($"SELECT cluster FROM {database.SiloTable}", connection);
            return (string)command.ExecuteScalar()!;
        },
        logger,
        cancellationToken);

    /// <summary>Fills a store from the newest base snapshot: a new one, and one that is to begin anew.</summary>
    /// <param name="database">Has the snapshot; without one the store begins empty.</param>
    /// <param name="store">What it has is replaced, where it begins anew.</param>
    /// <param name="anew"><see cref="CatchUp"/> has told that the log does not go on from where the store is.</param>
    /// <param name="logger">Is told how far it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PostgresUnusableException">The snapshot cannot be used, or the store is of no log.</exception>
    public static void Seed(PostgresDatabase database, IStore store, bool anew, ILogger logger, CancellationToken cancellationToken) => database.WhenReachable(
        connection =>
        {
            var state = ReplicaCopy.StateOf(store);
            if (state is { AppliedIndex: 0, Revision: > 1 })
            {
                throw new PostgresUnusableException(
                    "this data directory holds what a restore or an import has made, which is in no log: serve it with the embedded engine, and move in by " +
                    "`granary import --from ITS_ADDRESS --to ADDRESS`");
            }

            if (anew || state is null or { AppliedIndex: 0 })
            {
                Fill(connection, database, store, PostgresSnapshots.Newest(connection, database), logger);
            }

            return true;
        },
        logger,
        cancellationToken);

    /// <summary>Applies all records that may be shown now.</summary>
    /// <exception cref="PostgresBehindException">The replica is to be seeded anew.</exception>
    /// <exception cref="PostgresUnusableException">The replica is not of this log.</exception>
    public static void CatchUp(PostgresDatabase database, Follower follower, ILogger logger, CancellationToken cancellationToken) => database.WhenReachable(
        connection =>
        {
            var row = LeadershipRow.Read(connection, database);
            Read(connection, database, follower, follower.AppliedIndex > row.LastIndex ? row.LastIndex : Math.Max(row.LastToShow, follower.AppliedIndex));
            return true;
        },
        logger,
        cancellationToken);

    /// <summary>Applies the records of the log up to one.</summary>
    internal static void Read(NpgsqlConnection connection, PostgresDatabase database, Follower follower, long through) => follower.Read(
        (after, leaderId, replay) => PostgresLogReader.Replay(connection, database, after, leaderId, through, replay));

    private static void Fill(NpgsqlConnection connection, PostgresDatabase database, IStore store, PostgresSnapshots.Snapshot? snapshot, ILogger logger)
    {
        if (snapshot is null)
        {
            ReplicaCopy.Fill(store, []);
            return;
        }

        Log.Fills(logger, database.Place, snapshot.Index, snapshot.Chunks);
        var start = BootClock.Instance.GetTimestamp();
        var told = start;
        ReplicaCopy.Fill(store, PostgresSnapshots.Chunks(connection, database, snapshot).Select((chunk, i) =>
        {
            if (BootClock.Instance.GetElapsedTime(told) > ProgressInterval)
            {
                told = BootClock.Instance.GetTimestamp();
                Log.IsFilling(logger, i, snapshot.Chunks);
            }

            return chunk;
        }));
        Log.Filled(logger, BootClock.Instance.GetElapsedTime(start));
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Information, "Begins from the base snapshot at record {Index} of {Place}, {Chunks} chunks.")]
        public static partial void Fills(ILogger logger, string place, long index, long chunks);

        [LoggerMessage(41, LogLevel.Information, "Has {Done} of {Chunks} chunks.")]
        public static partial void IsFilling(ILogger logger, long done, long chunks);

        [LoggerMessage(42, LogLevel.Information, "Has the base snapshot after {Elapsed}.")]
        public static partial void Filled(ILogger logger, TimeSpan elapsed);
    }
}
