using Granary.Log.Engines;
using Microsoft.Extensions.Logging;

namespace Granary.Log.Commits;

/// <summary>Whether the log and the disk have room for what is to be written, and why not. Changed by the log's thread, read by all.</summary>
/// <param name="records">The log.</param>
/// <param name="replicaFlush">What has the log give up what it has kept.</param>
/// <param name="disk">Tells what the disk has room for; null where there is none to fill.</param>
/// <param name="logger">Told when room runs out.</param>
internal sealed partial class LogRoom(IRecordLog records, ReplicaFlush replicaFlush, Func<DiskRoom>? disk, ILogger logger)
{
    // With what a log that was full is asked whether it has room again when nobody writes.
    private const int TypicalRecordBytes = 4096;

    private volatile string? _shortage;

    /// <summary>What the disk has room for.</summary>
    public DiskRoom Disk => disk?.Invoke() ?? DiskRoom.Writes;

    /// <summary>Why not everything can be written, or null.</summary>
    public string? Shortage => _shortage ?? Disk.Shortage();

    /// <summary>Whether it is to be looked for room.</summary>
    public bool IsSought => _shortage is not null || replicaFlush.HasFailed || Disk != DiskRoom.Writes;

    /// <summary>Something could not be written.</summary>
    public void Lacks(Exception exception)
    {
        if (_shortage is null)
        {
            Log.Full(logger, exception.Message);
        }

        _shortage = exception.Message;
    }

    /// <summary>Something was written.</summary>
    public void Suffices() => _shortage = null;

    /// <summary>Nobody writes, and it may have become better.</summary>
    public void Look()
    {
        // What is flushed needs no reserve, and gives segments back.
        replicaFlush.Begin();
        if (records.HasRoomFor(TypicalRecordBytes))
        {
            Suffices();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Error, "Writes are refused until there is space: {Reason}")]
        public static partial void Full(ILogger logger, string reason);
    }
}
