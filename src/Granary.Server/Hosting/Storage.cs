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
internal sealed partial class Storage : IDisposable
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

    private Storage(
        Replica replica, ICommitLog log, string place, TemporarySpace temporarySpace, DirectoryLock? directoryLock = null, PostgresDatabase? database = null)
    {
        _lock = directoryLock;
        Database = database;
        Replica = replica;
        Log = log;
        Place = place;
        TemporarySpace = temporarySpace;
    }

    public Replica Replica { get; }

    public ICommitLog Log { get; }

    /// <summary>The database that the log is in; null where it is this process's alone.</summary>
    public PostgresDatabase? Database { get; }

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
    /// <param name="loggers">For all parts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Storage> Open(ServerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
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

        var directory = DataDirectory.Open(options.EffectiveDataDirectory);
        if (options.Engine == Engine.Embedded)
        {
            return await OpenOwn(options, directory, logOptions, loggers, cancellationToken);
        }

        for (var anew = false; ; anew = true)
        {
            try
            {
                return await OpenShared(options, directory, anew, logOptions, loggers, cancellationToken);
            }
            catch (PostgresBehindException exception)
            {
                // The others go on, and may have made one more base snapshot by the time that this one has the newest.
                TellBehind(loggers.CreateLogger<Storage>(), exception.Message);
            }
            catch (Exception exception) when (exception is PostgresUnusableException or Npgsql.PostgresException)
            {
                throw new SettingsException($"--engine=postgres: {exception.Message}");
            }
        }
    }

    /// <summary>A store and a log that are this process's alone.</summary>
    private static async Task<Storage> OpenOwn(
        ServerOptions options, DataDirectory directory, CommitLogOptions logOptions, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        DirectoryLock? held = null;
        Replica? replica = null;
        SegmentLog? records = null;
        var verification = Task.CompletedTask;
        try
        {
            held = DirectoryLock.Take(directory.Path);
            var store = new RocksStore(StoreOptions(options, directory));
            replica = new Replica(store);
            verification = Verify(store, cancellationToken);
            var replay = new Replaying(replica);
            records = SegmentLog.Open(
                LogOptions(directory.Log, options.MaxRequestBytes), replay.AppliedIndex, replay.Apply, loggers.CreateLogger<SegmentLog>());
            replay.Publish();
            await verification;
            var space = new DiskSpace(directory.Path, store, TimeProvider.System, loggers.CreateLogger<DiskSpace>());
            return new Storage(
                replica,
                CommitLog.Open(records, replica, logOptions with { Room = space.Room }, loggers.CreateLogger<CommitLog>()),
                directory.Path,
                new TemporarySpace(directory.Path, space.HasRoomForTemporary),
                held);
        }
        catch
        {
            // A process that ends while the store is at work is ended by a fault in native code.
            await verification.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            records?.Dispose();
            replica?.Dispose();
            held?.Dispose();
            throw;
        }
    }

    private static RocksStoreOptions StoreOptions(ServerOptions options, DataDirectory directory) =>
        new() { Directory = directory.Store, MemoryBytes = options.StoreMemoryBytes, CompactsAtOnce = false };

    /// <summary>A store of this process, and the log in a database, all of whose records the store has then.</summary>
    private static async Task<Storage> OpenShared(
        ServerOptions options, DataDirectory directory, bool anew, CommitLogOptions logOptions, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (directory.HasLog)
        {
            throw new SettingsException(
                $"{directory.Path} holds a store of the embedded engine: name another --data-dir, and move in by `granary import --from OLD --to NEW` while both run");
        }

        var logger = loggers.CreateLogger<SharedLog>();
        DirectoryLock? held = null;
        Replica? replica = null;
        PostgresDatabase? database = null;
        var verification = Task.CompletedTask;
        try
        {
            held = DirectoryLock.Take(directory.Path);
            database = PostgresStart.Open(options.Postgres, logger, cancellationToken);
            var store = new RocksStore(StoreOptions(options, directory));
            PostgresStart.Seed(database, store, anew, logger, cancellationToken);
            replica = new Replica(store);
            verification = Verify(store, cancellationToken);
            await verification;
            var stopping = new CancellationTokenSource();
            var follower = new Follower(replica, loggers.CreateLogger<Follower>(), stopping.Token);
            follower.Begin();
            PostgresStart.CatchUp(database, follower, logger, cancellationToken);
            var space = new DiskSpace(directory.Path, store, TimeProvider.System, loggers.CreateLogger<DiskSpace>());
            return new Storage(
                replica,
                new SharedLog(database, options.Postgres, replica, follower, logOptions with { Room = space.Room }, loggers, stopping),
                $"{database.Place}, replica in {directory.Path}",
                new TemporarySpace(directory.Path, space.HasRoomForTemporary),
                held,
                database);
        }
        catch
        {
            await verification.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            replica?.Dispose();
            database?.Dispose();
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
        (Log as IDisposable)?.Dispose();
        Replica.Dispose();
        Database?.Dispose();
        _lock?.Dispose();
    }

    [LoggerMessage(1, LogLevel.Information, "{Reason} It begins anew from there.")]
    private static partial void TellBehind(ILogger logger, string reason);
}
