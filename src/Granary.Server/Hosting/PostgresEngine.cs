using Granary.Log.Engines.Postgres;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Npgsql;

namespace Granary.Server.Hosting;

/// <summary>Opens a log in PostgreSQL: waits until this process leads, following the log meanwhile.</summary>
internal static class PostgresEngine
{
    /// <summary>Returns when this process leads and the replica has all records.</summary>
    /// <exception cref="SettingsException">The database cannot be used, or the data directory is not of its log.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public static (PostgresRecordLog Log, long Term) Open(
        ServerOptions options, DataDirectory directory, Replaying replay, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (directory.HasLog)
        {
            throw new SettingsException($"{directory.Path} holds a store of the embedded engine: name another --data-dir, and move in by `granary import` or `granary snapshot`");
        }

        PostgresDatabase? database = null;
        PostgresLeadership? leadership = null;
        try
        {
            var settings = options.Postgres with { Holder = $"{options.Name} ({Environment.MachineName}, process {Environment.ProcessId})" };
            database = new PostgresDatabase(settings);
            var logger = loggers.CreateLogger<PostgresLeadership>();
            PostgresSchema.EnsureWhenReachable(database, settings, logger, cancellationToken);
            leadership = PostgresLeadership.Acquire(
                database, settings, BootClock.Instance, (connection, last) => Follow(connection, database, replay, last), logger, cancellationToken);
            CatchUp(database, replay, leadership, cancellationToken);
            return (new PostgresRecordLog(database, leadership, BootClock.Instance), leadership.Term);
        }
        catch (Exception exception)
        {
            leadership?.Dispose();
            database?.Dispose();
            if (exception is PostgresUnusableException or PostgresException)
            {
                throw new SettingsException($"--engine=postgres: {exception.Message}");
            }

            throw;
        }
    }

    /// <summary>What the leader before had appended to the end.</summary>
    private static void CatchUp(PostgresDatabase database, Replaying replay, PostgresLeadership leadership, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var connection = database.Connect();
                Follow(connection, database, replay, leadership.LastIndex);
                return;
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception) && leadership.LostReason is null)
            {
                cancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private static void Follow(NpgsqlConnection connection, PostgresDatabase database, Replaying replay, long last)
    {
        RequireSameLog(connection, database, replay.Replica.State, last);
        PostgresLogReader.Replay(connection, database, replay.AppliedIndex, last, replay.Apply);
        replay.Publish();
    }

    // A log begins with the record that founds its cluster.
    private static void RequireSameLog(NpgsqlConnection connection, PostgresDatabase database, ReplicaState state, long last)
    {
        if (state.AppliedIndex == 0 || last == 0)
        {
            return;
        }

        PostgresLogReader.Replay(connection, database, 0, 1, (_, record) =>
        {
            if (LogRecord.Decode(record) is not TermRecord founding || founding.ClusterId != state.ClusterId)
            {
                throw new PostgresUnusableException(
                    $"this data directory is a replica of another log than the one in {database.Place}: name another --data-dir, or another database or --postgres-schema");
            }
        });
    }
}
