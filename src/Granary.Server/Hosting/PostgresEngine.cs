using Granary.Log.Engines.Postgres;
using Granary.Server.Configuration;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores;
using Npgsql;

namespace Granary.Server.Hosting;

/// <summary>The log in PostgreSQL as this process has it: first a replica that follows, then, when nobody else leads, the leader's log.</summary>
internal sealed class PostgresEngine : IDisposable
{
    private readonly PostgresOptions _options;
    private readonly PostgresDatabase _database;
    private readonly ILoggerFactory _loggers;
    private PostgresRecordLog? _log;
    private BaseSnapshots? _snapshots;

    private PostgresEngine(PostgresOptions options, PostgresDatabase database, ILoggerFactory loggers)
    {
        _options = options;
        _database = database;
        _loggers = loggers;
    }

    public string Place => _database.Place;

    /// <summary>Makes the tables if they are not there, as soon as the database can be reached.</summary>
    /// <exception cref="SettingsException">The database cannot be used, or the data directory is not of its log.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public static PostgresEngine Open(ServerOptions options, DataDirectory directory, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (directory.HasLog)
        {
            throw new SettingsException(
                $"{directory.Path} holds a store of the embedded engine: name another --data-dir, and move in by `granary import --from OLD --to NEW` while both run");
        }

        return Told(() =>
        {
            var settings = options.Postgres with
            {
                Holder = $"{options.Name} ({Environment.MachineName}, process {Environment.ProcessId})",
                ClientUrls = options.AdvertiseClientUrls,
            };
            var database = new PostgresDatabase(settings);
            try
            {
                PostgresSchema.EnsureWhenReachable(database, settings, loggers.CreateLogger<PostgresLeadership>(), cancellationToken);
                return new PostgresEngine(settings, database, loggers);
            }
            catch
            {
                database.Dispose();
                throw;
            }
        });
    }

    /// <summary>Fills a store from the base snapshot, if the log does not go on from where the store is.</summary>
    /// <exception cref="SettingsException">The snapshot cannot be used.</exception>
    public void Seed(IStore store, CancellationToken cancellationToken) => Told(() => WhenReachable(
        connection =>
        {
            var state = ReplicaCopy.StateOf(store);
            if (state is { AppliedIndex: 0, Revision: > 1 })
            {
                throw new PostgresUnusableException(
                    "this data directory holds what a restore or an import has made, which is in no log: serve it with the embedded engine, and move in by " +
                    "`granary import --from ITS_ADDRESS --to ADDRESS`");
            }

            var snapshot = PostgresSnapshots.Newest(connection, _database);
            if (state is null || (snapshot?.Index > state.AppliedIndex && (state.AppliedIndex == 0 || !HasRecordBehind(connection, state.AppliedIndex))))
            {
                ReplicaCopy.Fill(store, snapshot is null ? [] : PostgresSnapshots.Chunks(connection, _database, snapshot));
            }

            return true;
        },
        cancellationToken));

    /// <summary>Returns when this process leads and the replica has all records.</summary>
    /// <exception cref="PostgresBehindException">The replica is to be seeded anew.</exception>
    /// <exception cref="SettingsException">The database cannot be used, or the data directory is not of its log.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    /// <param name="replay">The replica's.</param>
    /// <param name="leaderIs">Told where clients reach the one that leads, again and again.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public (PostgresRecordLog Log, (long Term, ulong LeaderId) Leadership) Lead(Replaying replay, Action<IReadOnlyList<string>> leaderIs, CancellationToken cancellationToken) => Told(() =>
    {
        var leadership = PostgresLeadership.Acquire(
            _database,
            _options,
            BootClock.Instance,
            (connection, row) =>
            {
                if (!row.IsReleased)
                {
                    leaderIs(row.ClientUrls);
                }

                Follow(connection, replay, row.LastIndex);
            },
            _loggers.CreateLogger<PostgresLeadership>(),
            cancellationToken);
        try
        {
            // What the leader before has appended since it was last looked at.
            WhenReachable(
                connection =>
                {
                    Follow(connection, replay, leadership.LastIndex);
                    return true;
                },
                cancellationToken);
            _log = new PostgresRecordLog(_database, leadership, BootClock.Instance, _loggers.CreateLogger<PostgresRecordLog>());
            _snapshots = new BaseSnapshots(_database, _log, replay.Replica, _options.SnapshotBytes, _loggers.CreateLogger<BaseSnapshots>());
            return (_log, (leadership.Term, (ulong)leadership.LeaderId));
        }
        catch
        {
            leadership.Dispose();
            throw;
        }
    });

    /// <summary>Ends what goes on beside the log, before that is closed.</summary>
    /// <param name="patience">How long the log may go on waiting for the database.</param>
    public void Quiesce(TimeSpan patience)
    {
        _snapshots?.Dispose();
        _log?.GiveUpAfter(patience);
    }

    public void Dispose() => _database.Dispose();

    private static T Told<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (exception is PostgresUnusableException or PostgresException)
        {
            throw new SettingsException($"--engine=postgres: {exception.Message}");
        }
    }

    private T WhenReachable<T>(Func<NpgsqlConnection, T> work, CancellationToken cancellationToken) =>
        _database.WhenReachable(work, _loggers.CreateLogger<PostgresLeadership>(), cancellationToken);

    private bool HasRecordBehind(NpgsqlConnection connection, long applied)
    {
        using var command = new NpgsqlCommand($"SELECT 1 FROM {_database.Log} WHERE index = $1", connection) { Parameters = { new() { Value = applied + 1 } } };
        return command.ExecuteScalar() is not null;
    }

    private void Follow(NpgsqlConnection connection, Replaying replay, long last)
    {
        PostgresLogReader.Replay(connection, _database, replay.AppliedIndex, replay.LeaderId, last, replay.Apply);
        replay.Publish();
    }
}
