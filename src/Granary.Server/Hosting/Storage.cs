using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Log.Segments;
using Granary.Mvcc.Keys;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores.Memory;
using Granary.Storage.Stores.Rocks;

namespace Granary.Server.Hosting;

/// <summary>The replica and the log of this process, opened before anything else starts and closed after everything else has stopped.</summary>
internal sealed class Storage : IDisposable
{
    private const long MinRecordBytes = 48 << 20;
    private const long MinSegmentBytes = 64 << 20;
    private const long MaxSegmentBytes = 1 << 30;

    // What a segment has beside its largest record at least.
    private const long SegmentReserveBytes = 16 << 20;

    // Records that are replayed between two writes of the replica.
    private const int RecordsPerPublish = 256;

    // What is read through and checked before it is served: about a second's worth. In a larger store a damaged block is found when it is read.
    private const long VerifiedAtStartBytes = 1L << 30;

    // Keeps a second process out for as long as this one lives; null in memory.
    private readonly DirectoryLock? _lock;

    private Storage(Replica replica, CommitLog log, string place, TemporarySpace temporarySpace, DirectoryLock? directoryLock)
    {
        _lock = directoryLock;
        Replica = replica;
        Log = log;
        Place = place;
        TemporarySpace = temporarySpace;
    }

    public Replica Replica { get; }

    public CommitLog Log { get; }

    /// <summary>Where the data is, for people.</summary>
    public string Place { get; }

    /// <summary>Where temporary files may be: they take no room that writes need.</summary>
    public TemporarySpace TemporarySpace { get; }

    /// <summary>The log's settings: whatever request is taken finds room in a segment.</summary>
    internal static SegmentLogOptions LogOptions(string directory, int maxRequestBytes)
    {
        // A record has more of each change than its request: revisions, versions, leases.
        var record = Math.Clamp(maxRequestBytes + (maxRequestBytes / 2L), MinRecordBytes, MaxSegmentBytes - SegmentReserveBytes);
        return new SegmentLogOptions
        {
            Directory = directory,
            MaxRecordBytes = (int)record,
            SegmentBytes = Math.Max(MinSegmentBytes, (record + SegmentReserveBytes) / SegmentReserveBytes * SegmentReserveBytes),
            MaxSpareSegments = 2,
        };
    }

    public static async Task<Storage> Open(ServerOptions options, ILoggerFactory loggers)
    {
        var logOptions = new CommitLogOptions { InitialRanges = RangeMap.SplitAt(options.InitialRangeSplits.Select(ByteString.CopyFromUtf8)) };
        var logger = loggers.CreateLogger<CommitLog>();
        if (options.Engine == Engine.Memory)
        {
            var inMemory = new Replica(new MemoryStore());
            return new Storage(
                inMemory, CommitLog.Open(new MemoryRecordLog(), inMemory, logOptions, logger), "memory", new TemporarySpace(Path.GetTempPath()), null);
        }

        var directory = DataDirectory.Open(options.EffectiveDataDirectory);
        DirectoryLock? held = null;
        Replica? replica = null;
        SegmentLog? segments = null;
        try
        {
            held = DirectoryLock.Take(directory.Path);
            var store = new RocksStore(new RocksStoreOptions { Directory = directory.Store });
            replica = new Replica(store);
            var verification = store.SizeBytes <= VerifiedAtStartBytes ? Task.Run(store.Verify) : Task.CompletedTask;
            segments = SegmentLog.Open(
                LogOptions(directory.Log, options.MaxRequestBytes),
                replica.State.AppliedIndex,
                (index, record) => Replay(replica, index, record),
                loggers.CreateLogger<SegmentLog>());
            if (replica.HasUnpublished)
            {
                replica.Publish();
            }

            await verification;
            var space = new DiskSpace(directory.Path, store, TimeProvider.System, loggers.CreateLogger<DiskSpace>());
            return new Storage(
                replica,
                CommitLog.Open(segments, replica, logOptions with { Room = space.Room }, logger),
                directory.Path,
                new TemporarySpace(directory.Path, space.HasRoomForTemporary),
                held);
        }
        catch
        {
            segments?.Dispose();
            replica?.Dispose();
            held?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Log.Dispose();
        Replica.Dispose();
        _lock?.Dispose();
    }

    private static void Replay(Replica replica, long index, ReadOnlySpan<byte> record)
    {
        replica.Apply(index, LogRecord.Decode(record));
        if (index % RecordsPerPublish == 0)
        {
            replica.Publish();
        }
    }
}
