using System.Runtime.InteropServices;
using Granary.Mvcc.Evaluation;
using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>
/// A store in RocksDB without its write-ahead log: the commit log is the one log. What is not flushed is lost in a crash,
/// all families to the same point (atomic flush), and comes back by replay.
/// </summary>
public sealed unsafe class RocksStore : IStore
{
    // Everything is rewritten, but no file twice.
    private const byte ForceBottommostLevel = 3;

    private static readonly Family[] Families = Enum.GetValues<Family>();

    private readonly RocksDb _db;
    private readonly DbOptions _options;
    private readonly WriteOptions _writeOptions;
    private readonly nint[] _handles;
    private readonly string _directory;

    // Snapshots and cursors use the database natively: it is closed when the last of them is gone.
    private readonly Lock _closing = new();
    private int _users;
    private bool _closed;

    /// <param name="options">Where and how large.</param>
    /// <exception cref="StoreDamagedException">A file of the database is damaged or missing.</exception>
    public RocksStore(RocksStoreOptions options)
    {
        _directory = options.Directory;
        EntriesPerPause = options.EntriesPerPause;
        if (!options.ReadOnly)
        {
            Directory.CreateDirectory(options.Directory);
        }

        NativeHeap.Share();
        _options = RocksSetup.Database(options);
        var families = RocksSetup.AllFamilies(options);
        try
        {
            _db = options.ReadOnly
                ? RocksDb.OpenReadOnly(_options, options.Directory, families, false)
                : RocksDb.Open(_options, options.Directory, families);
        }
        catch (RocksDbException exception)
        {
            throw IsFull(exception) ? new StoreFullException(options.Directory, exception) : new StoreDamagedException(options.Directory, exception);
        }

        _handles = [.. Families.Select(family => _db.GetColumnFamily(RocksSetup.NameOf(family)).Handle)];
        _writeOptions = new WriteOptions().DisableWal(1);
    }

    /// <summary>The native database.</summary>
    internal nint Handle => _db.Handle;

    /// <summary>After so many entries that are passed over a cursor pauses.</summary>
    internal int EntriesPerPause { get; }

    public long SizeBytes => Using(() => Math.Max(4096, Sum("rocksdb.live-sst-files-size") + UnflushedBytes));

    public long UnflushedBytes => Using(() => Sum("rocksdb.cur-size-all-mem-tables"));

    public StoreFigures Figures => Using(() =>
    {
        var size = SizeBytes;
        var unflushed = UnflushedBytes;
        return new StoreFigures
        {
            SizeBytes = size,
            InUseBytes = Math.Min(size, Sum("rocksdb.estimate-live-data-size") + unflushed),
            MemtableBytes = unflushed,
            BlockCacheBytes = Property("rocksdb.block-cache-usage", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest))),
            PendingCompactionBytes = Sum("rocksdb.estimate-pending-compaction-bytes"),
            RunningCompactionsCount = Property("rocksdb.num-running-compactions", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest))),
            RunningFlushesCount = Property("rocksdb.num-running-flushes", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest))),
            SnapshotsCount = Property("rocksdb.num-snapshots", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest))),
            KeysCount = Property("rocksdb.estimate-num-keys", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest))),
        };
    });

    /// <summary>Reads every block of every file and checks its checksum.</summary>
    /// <exception cref="StoreDamagedException">One does not match; the message names the file.</exception>
    public void Verify()
    {
        Enter();
        try
        {
            Native.Instance.rocksdb_verify_checksum(_db.Handle);
        }
        catch (RocksDbException exception)
        {
            throw new StoreDamagedException(_directory, exception);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Has files rewritten in the background from now on, where <see cref="RocksStoreOptions.CompactsAtOnce"/> is off.</summary>
    public void BeginCompactions()
    {
        Enter();
        try
        {
            foreach (var family in _handles)
            {
                Native.Instance.rocksdb_set_options_cf(_db.Handle, family, 1, ["disable_auto_compactions"], ["false"]);
            }
        }
        finally
        {
            Leave();
        }
    }

    public IStoreBatch CreateBatch() => new RocksBatch(_handles);

    public void Write(IStoreBatch batch)
    {
        var native = ((RocksBatch)batch).Native;
        try
        {
            _db.Write(native, _writeOptions);
        }
        catch (RocksDbException exception) when (IsFull(exception))
        {
            throw new StoreFullException(_directory, exception);
        }

        native.Clear();
    }

    public IStoreSnapshot Snapshot()
    {
        Enter();
        return new RocksView(this, _db.CreateSnapshot());
    }

    public void Flush()
    {
        using var options = new FlushOptionsHandle();
        try
        {
            RocksDbSharp.Native.Instance.rocksdb_flush_cfs(_db.Handle, options.Handle, _handles, _handles.Length);
        }
        catch (RocksDbException exception) when (IsFull(exception))
        {
            throw new StoreFullException(_directory, exception);
        }
    }

    public void Reclaim(Family family)
    {
        // Goes on when its caller has left: the database stays open until it is done.
        Enter();
        var native = RocksDbSharp.Native.Instance;
        var options = native.rocksdb_compactoptions_create();
        try
        {
            // The last level as well: a compaction by itself may have brought there what a snapshot still held at that time.
            native.rocksdb_compactoptions_set_bottommost_level_compaction(options, ForceBottommostLevel);
            var errors = BackgroundErrors;
            native.rocksdb_compact_range_cf_opt(_db.Handle, _handles[(int)family], options, (byte*)null, 0, (byte*)null, (nuint)0);
            if (BackgroundErrors > errors)
            {
                // The call itself says nothing of it.
                throw new IOException($"The files of the store in {_directory} could not all be rewritten: the disk is full, or the file LOG there says why.");
            }
        }
        finally
        {
            native.rocksdb_compactoptions_destroy(options);
            Leave();
        }
    }

    public void Dispose()
    {
        lock (_closing)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            if (_users > 0)
            {
                return;
            }
        }

        _db.Dispose();
    }

    // The binding gives the status as text only, the system's words in it. What fails later fails with the words of the first failure.
    private static bool IsFull(RocksDbException exception) => exception.Message.Contains("No space left on device", StringComparison.Ordinal);

    private long BackgroundErrors => Property("rocksdb.background-errors", _db.GetColumnFamily(RocksSetup.NameOf(Family.Latest)));

    private long Sum(string property) => Families.Sum(family => Property(property, _db.GetColumnFamily(RocksSetup.NameOf(family))));

    private long Property(string name, ColumnFamilyHandle family) =>
        long.TryParse(_db.GetProperty(name, family), out var value) ? value : 0;

    /// <summary>The native handle of a family.</summary>
    internal nint HandleOf(Family family) => _handles[(int)family];

    /// <summary>The files of a family: the largest key of each, and its size.</summary>
    internal List<StorePiece> LiveFiles(Family family)
    {
        var native = RocksDbSharp.Native.Instance;
        var pieces = new List<StorePiece>();
        Enter();
        var files = native.rocksdb_livefiles(_db.Handle);
        try
        {
            for (var i = 0; i < native.rocksdb_livefiles_count(files); i++)
            {
                if (Marshal.PtrToStringUTF8(native.rocksdb_livefiles_column_family_name(files, i)) == RocksSetup.NameOf(family))
                {
                    var key = native.rocksdb_livefiles_largestkey(files, i, out nuint bytes);
                    pieces.Add(new StorePiece(new ReadOnlySpan<byte>((void*)key, (int)bytes).ToArray(), (long)native.rocksdb_livefiles_size(files, i)));
                }
            }

            return pieces;
        }
        finally
        {
            native.rocksdb_livefiles_destroy(files);
            Leave();
        }
    }

    private T Using<T>(Func<T> read)
    {
        Enter();
        try
        {
            return read();
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Has the database stay open until <see cref="Leave"/>.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or about to be.</exception>
    internal void Enter()
    {
        lock (_closing)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _users++;
        }
    }

    /// <summary>The database may be closed, as far as one who has entered is concerned.</summary>
    internal void Leave()
    {
        lock (_closing)
        {
            if (--_users > 0 || !_closed)
            {
                return;
            }
        }

        _db.Dispose();
    }

    private sealed class FlushOptionsHandle : IDisposable
    {
        public nint Handle { get; } = RocksDbSharp.Native.Instance.rocksdb_flushoptions_create();

        public void Dispose() => RocksDbSharp.Native.Instance.rocksdb_flushoptions_destroy(Handle);
    }

}
