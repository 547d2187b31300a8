using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Microsoft.Extensions.Logging;

namespace Granary.Log.Engines.Postgres;

/// <summary>Makes base snapshots of a leader's replica beside the traffic, so that the log in the database does not grow for ever.</summary>
internal sealed partial class BaseSnapshots : IDisposable
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(30);

    private readonly PostgresDatabase _database;
    private readonly PostgresRecordLog _log;
    private readonly Replica _replica;
    private readonly long _leastBytes;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    public BaseSnapshots(PostgresDatabase database, PostgresRecordLog log, Replica replica, long leastBytes, ILogger logger)
    {
        _database = database;
        _log = log;
        _replica = replica;
        _leastBytes = leastBytes;
        _logger = logger;
        _running = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _running.Wait();
        _stopping.Dispose();
    }

    private void Run()
    {
        // What came before this process appended anything.
        long? before = null;
        long covered = 0;
        var wait = CheckInterval;
        while (!_stopping.Token.WaitHandle.WaitOne(wait) && !_log.Lost.IsCancellationRequested)
        {
            wait = CheckInterval;
            try
            {
                before ??= BytesBehind();
                var appended = _log.AppendedBytes;
                if (before + appended - covered >= Math.Max(_leastBytes, _replica.Store.SizeBytes / 2))
                {
                    Make();
                    (before, covered) = (0, appended);
                }
            }
            catch (Exception) when (_stopping.IsCancellationRequested)
            {
                // It stops.
            }
            catch (Exception exception)
            {
                wait = RetryInterval;
                Log.Failed(_logger, exception);
            }
        }
    }

    private long BytesBehind()
    {
        using var connection = _database.Connect();
        return PostgresSnapshots.BytesBehind(connection, _database, _stopping.Token);
    }

    private void Make()
    {
        using var connection = _database.Connect();
        using var snapshot = _replica.Store.Snapshot();
        var state = ReplicaCopy.StateOf(snapshot);
        if (PostgresSnapshots.Newest(connection, _database)?.Index >= state.AppliedIndex)
        {
            return;
        }

        long bytes = 0;
        PostgresSnapshots.Store(
            connection,
            _database,
            state.AppliedIndex,
            state.LeaderId,
            ReplicaCopy.Chunks(snapshot).Select(chunk =>
            {
                bytes += chunk.Length;
                return chunk;
            }),
            _stopping.Token);
        Log.Made(_logger, state.AppliedIndex, bytes);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Made a base snapshot at record {Index}, {Bytes} bytes.")]
        public static partial void Made(ILogger logger, long index, long bytes);

        [LoggerMessage(2, LogLevel.Warning, "A base snapshot could not be made, and is tried again; until then the log in the database grows.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
