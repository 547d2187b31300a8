using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Log.Engines;
using Granary.Log.Engines.Embedded;
using Granary.Log.Engines.Memory;
using Granary.Log.Engines.Postgres;
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

    // What is read through and checked before it is served: about a second's worth. In a larger store a damaged block is found when it is read.
    private const long VerifiedAtStartBytes = 1L << 30;

    // Keeps a second process out for as long as this one lives; null in memory.
    private readonly DirectoryLock? _lock;

    private readonly PostgresEngine? _postgres;

    private Storage(
        Replica replica, CommitLog log, string place, TemporarySpace temporarySpace, DirectoryLock? directoryLock = null, PostgresEngine? postgres = null)
    {
        _lock = directoryLock;
        _postgres = postgres;
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

    /// <param name="options">Where it is.</param>
    /// <param name="leaderIs">While another process leads: told where clients reach that one.</param>
    /// <param name="loggers">For all parts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Storage> Open(
        ServerOptions options, Action<IReadOnlyList<string>> leaderIs, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var logOptions = new CommitLogOptions { InitialRanges = RangeMap.SplitAt(options.InitialRangeSplits.Select(ByteString.CopyFromUtf8)) };
        if (options.Engine == Engine.Memory)
        {
            var inMemory = new Replica(new MemoryStore());
            return new Storage(
                inMemory,
                CommitLog.Open(new MemoryRecordLog(), inMemory, logOptions, loggers.CreateLogger<CommitLog>()),
                "memory",
                new TemporarySpace(Path.GetTempPath()));
        }

        while (true)
        {
            try
            {
                return await OpenInDirectory(options, logOptions, leaderIs, loggers, cancellationToken);
            }
            catch (PostgresBehindException)
            {
                // Opened again, it begins from the base snapshot.
            }
        }
    }

    private static async Task<Storage> OpenInDirectory(
        ServerOptions options, CommitLogOptions logOptions, Action<IReadOnlyList<string>> leaderIs, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var directory = DataDirectory.Open(options.EffectiveDataDirectory);
        DirectoryLock? held = null;
        Replica? replica = null;
        PostgresEngine? postgres = null;
        IRecordLog? records = null;
        var verification = Task.CompletedTask;
        try
        {
            held = DirectoryLock.Take(directory.Path);
            postgres = options.Engine == Engine.Postgres ? PostgresEngine.Open(options, directory, loggers, cancellationToken) : null;
            var store = new RocksStore(new RocksStoreOptions { Directory = directory.Store, CompactsAtOnce = false });
            postgres?.Seed(store, cancellationToken);
            replica = new Replica(store);
            verification = Verify(store, cancellationToken);
            var replay = new Replaying(replica);
            var place = directory.Path;
            if (postgres is not null)
            {
                // Whoever waits must not find out in the end that it cannot lead.
                await verification;
                var (log, leadership) = postgres.Lead(replay, leaderIs, cancellationToken);
                records = log;
                logOptions = logOptions with { Leadership = leadership };
                place = $"{postgres.Place}, replica in {directory.Path}";
            }
            else
            {
                records = SegmentLog.Open(
                    LogOptions(directory.Log, options.MaxRequestBytes), replay.AppliedIndex, replay.Apply, loggers.CreateLogger<SegmentLog>());
            }

            replay.Publish();
            await verification;

            // To begin the term needs the database once more.
            using var stopping = cancellationToken.UnsafeRegister(static engine => ((PostgresEngine?)engine)?.Quiesce(TimeSpan.Zero), postgres);
            var space = new DiskSpace(directory.Path, store, TimeProvider.System, loggers.CreateLogger<DiskSpace>());
            return new Storage(
                replica,
                CommitLog.Open(records, replica, logOptions with { Room = space.Room }, loggers.CreateLogger<CommitLog>()),
                place,
                new TemporarySpace(directory.Path, space.HasRoomForTemporary),
                held,
                postgres);
        }
        catch
        {
            // A process that ends while the store is at work is ended by a fault in native code.
            await verification.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            postgres?.Quiesce(TimeSpan.Zero);
            records?.Dispose();
            replica?.Dispose();
            postgres?.Dispose();
            held?.Dispose();
            throw;
        }
    }

    /// <summary>Nothing of a damaged store is rewritten: whoever mends the one file finds the others as they were.</summary>
    private static async Task Verify(RocksStore store, CancellationToken cancellationToken)
    {
        if (store.SizeBytes <= VerifiedAtStartBytes)
        {
            await Task.Run(store.Verify, cancellationToken);
        }

        store.BeginCompactions();
    }

    public void Dispose()
    {
        _postgres?.Quiesce(GranaryServer.ShutdownTimeout);
        Log.Dispose();
        Replica.Dispose();
        _postgres?.Dispose();
        _lock?.Dispose();
    }
}
