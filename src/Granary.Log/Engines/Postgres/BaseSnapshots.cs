using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// Makes base snapshots of this process's replica beside the traffic, so that the log in the database does not grow for ever. One process at a
/// time makes one; who leads does it only if nobody follows, or those who do have let too much time pass.
/// </summary>
internal sealed partial class BaseSnapshots : IDisposable
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LeaderPatience = TimeSpan.FromMinutes(2);

    private readonly PostgresDatabase _database;
    private readonly Replica _replica;
    private readonly ISnapshotDuty _duty;
    private readonly long _leastBytes;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    // Bytes of the records behind the newest snapshot, when the database was last asked, and what had been seen of the log by then.
    private (long Bytes, long Seen)? _behind;
    private long? _dueSince;

    public BaseSnapshots(PostgresDatabase database, Replica replica, ISnapshotDuty duty, long leastBytes, ILogger logger)
    {
        _database = database;
        _replica = replica;
        _duty = duty;
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
        var wait = CheckInterval;
        while (!_stopping.Token.WaitHandle.WaitOne(wait))
        {
            wait = CheckInterval;
            try
            {
                if (IsDue() && !IsLeftToOthers() && !MakeAlone())
                {
                    wait = RetryInterval;
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

    private bool IsDue()
    {
        if (_behind is null)
        {
            using var connection = _database.Connect();
            Ask(connection);
        }

        var isDue = _behind!.Value.Bytes + _duty.SeenBytes - _behind.Value.Seen >= DueBytes;
        _dueSince = isDue ? _dueSince ?? BootClock.Instance.GetTimestamp() : null;
        return isDue;
    }

    // A replica that is known to differ from the others is nobody's base.
    private bool IsLeftToOthers() =>
        (_duty.IsFollowed && BootClock.Instance.GetElapsedTime(_dueSince!.Value) < LeaderPatience)
        || _replica.State.Alarms.Any(alarm => alarm.Alarm == AlarmType.Corrupt && alarm.MemberID == _duty.MemberId);

    private long DueBytes => Math.Max(_leastBytes, _replica.Store.SizeBytes / 2);

    /// <summary>Makes one if it is due still; false when another process is making one.</summary>
    private bool MakeAlone()
    {
        using var connection = _database.Connect();
        if (!PostgresSnapshots.TryBegin(connection, _database))
        {
            return false;
        }

        try
        {
            Ask(connection);
            if (IsDue())
            {
                Make(connection);
                Ask(connection);
            }

            return true;
        }
        finally
        {
            PostgresSnapshots.End(connection, _database);
        }
    }

    private void Ask(NpgsqlConnection connection)
    {
        var seen = _duty.SeenBytes;
        _behind = (PostgresSnapshots.BytesBehind(connection, _database, _stopping.Token), seen);
    }

    private void Make(NpgsqlConnection connection)
    {
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
