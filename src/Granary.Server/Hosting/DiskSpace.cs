using Granary.Log.Commits;
using Granary.Log.Engines.Embedded;
using Granary.Storage.Stores;

namespace Granary.Server.Hosting;

/// <summary>
/// Knows what the data directory's disk has room for, as of some milliseconds ago. Three things are kept free, so that nothing that is
/// in the log ever lacks room in the store: what the log leaves alone too, what the next flush writes, and, from all but deletions, what
/// it takes to delete what there is and to rewrite it without.
/// </summary>
internal sealed partial class DiskSpace(string directory, IStore store, TimeProvider time, ILogger logger)
{
    // One step of the store's own compaction rewrites about so much at most, and needs it free before the old files go.
    private const long MaxRewriteBytes = 512L << 20;

    // Several temporary files grow at once, each by less than a MiB before it asks again.
    private const long TemporaryMarginBytes = 32L << 20;

    // Asked for each write: the system and the store are asked less often.
    private static readonly TimeSpan MaxAge = TimeSpan.FromMilliseconds(10);

    private long _measuredAt = long.MinValue;
    private volatile DiskRoom _room = DiskRoom.Writes;

    public DiskRoom Room()
    {
        var now = time.GetTimestamp();
        var measured = Interlocked.Read(ref _measuredAt);
        if ((measured == long.MinValue || time.GetElapsedTime(measured, now) > MaxAge)
            && Interlocked.CompareExchange(ref _measuredAt, now, measured) == measured)
        {
            var (before, room) = (_room, Measure());
            _room = room;
            if (room != before)
            {
                Tell(room);
            }
        }

        return _room;
    }

    /// <summary>Whether a temporary file may grow: not so far that a write would be refused for it.</summary>
    public bool HasRoomForTemporary() => CanRewrite(SpareBytes - TemporaryMarginBytes);

    // Beyond what is kept for flushes.
    private long SpareBytes => DiskLogFiles.FreeBytes(directory) - SegmentLogOptions.ReservedDiskBytes - store.UnflushedBytes;

    // The store is not asked for its size where that does not matter.
    private bool CanRewrite(long spareBytes) => spareBytes >= MaxRewriteBytes || spareBytes >= store.SizeBytes;

    private DiskRoom Measure()
    {
        var spare = SpareBytes;
        return spare < 0 ? DiskRoom.Compactions : CanRewrite(spare) ? DiskRoom.Writes : DiskRoom.Deletions;
    }

    private void Tell(DiskRoom room)
    {
        if (room.Shortage() is { } shortage)
        {
            Log.Short(logger, directory, shortage);
        }
        else
        {
            Log.Enough(logger, directory);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The disk of {Directory} has room again: everything is taken.")]
        public static partial void Enough(ILogger logger, string directory);

        [LoggerMessage(2, LogLevel.Warning, "Whatever takes more is refused in {Directory}. {Shortage}")]
        public static partial void Short(ILogger logger, string directory, string shortage);
    }
}
