using Granary.Log.Engines.Postgres;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores;
using Npgsql;

namespace Granary.Server.Hosting;

/// <summary>The log in PostgreSQL as this process has it: first a replica that follows, then, when nobody else leads, the leader's log.</summary>
internal sealed class PostgresEngine : IDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

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
            var applied = ReplicaCopy.AppliedIndex(store) ?? -1;
            if (PostgresSnapshots.Newest(connection, _database) is { } snapshot && applied < snapshot.Index && (applied <= 0 || !HasRecordBehind(connection, applied)))
            {
                ReplicaCopy.Fill(store, PostgresSnapshots.Chunks(connection, _database, snapshot));
            }
            else if (applied < 0)
            {
                ReplicaCopy.Fill(store, []);
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
    public (PostgresRecordLog Log, long Term) Lead(Replaying replay, Action<IReadOnlyList<string>> leaderIs, CancellationToken cancellationToken) => Told(() =>
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
            _log = new PostgresRecordLog(_database, leadership, BootClock.Instance);
            _snapshots = new BaseSnapshots(_database, _log, replay.Replica, _options.SnapshotBytes, _loggers.CreateLogger<BaseSnapshots>());
            return (_log, leadership.Term);
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

    private T WhenReachable<T>(Func<NpgsqlConnection, T> work, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var connection = _database.Connect();
                return work(connection);
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
            {
                cancellationToken.WaitHandle.WaitOne(RetryInterval);
            }
        }
    }

    private bool HasRecordBehind(NpgsqlConnection connection, long applied)
    {
        using var command = new NpgsqlCommand($"SELECT 1 FROM {_database.Log} WHERE index = $1", connection) { Parameters = { new() { Value = applied + 1 } } };
        return command.ExecuteScalar() is not null;
    }

    private void Follow(NpgsqlConnection connection, Replaying replay, long last)
    {
        if (!replay.IsOfLog)
        {
            RequireSameLog(connection, replay.Replica.State, last);
            replay.IsOfLog = true;
        }

        PostgresLogReader.Replay(connection, _database, replay.AppliedIndex, last, replay.Apply);
        replay.Publish();
    }

    // A log begins with the record that founds its cluster, and then with the snapshot that has it.
    private void RequireSameLog(NpgsqlConnection connection, ReplicaState state, long last)
    {
        if (state.AppliedIndex == 0 || last == 0)
        {
            return;
        }

        var cluster = PostgresSnapshots.Newest(connection, _database)?.ClusterId;
        if (cluster is null)
        {
            PostgresLogReader.Replay(connection, _database, 0, 1, (_, record) => cluster = (LogRecord.Decode(record) as TermRecord)?.ClusterId);
        }

        if (cluster != state.ClusterId)
        {
            throw new PostgresUnusableException(
                $"this data directory is a replica of another log than the one in {_database.Place}: name another --data-dir, or another database or --postgres-schema");
        }
    }
}
