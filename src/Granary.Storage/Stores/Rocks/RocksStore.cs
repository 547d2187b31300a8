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

    // A file is rewritten once half of so many entries in a row are deletions.
    private const int DeletionsWindow = 8192;

    // RocksDB's words where a cursor has passed over as many entries as it may.
    private const string TooManySkipped = "Result incomplete: Too many internal keys skipped.";

    private static readonly Family[] Families = Enum.GetValues<Family>();

    // Of a cursor over a whole family.
    private const int ReadaheadBytes = 1 << 20;

    private readonly RocksDb _db;
    private readonly DbOptions _options;
    private readonly WriteOptions _writeOptions;
    private readonly nint[] _handles;
    private readonly string _directory;
    private readonly int _entriesPerPause;

    // Snapshots and cursors use the database natively: it is closed when the last of them is gone.
    private readonly Lock _closing = new();
    private int _users;
    private bool _closed;

    /// <param name="options">Where and how large.</param>
    /// <exception cref="StoreDamagedException">A file of the database is damaged or missing.</exception>
    public RocksStore(RocksStoreOptions options)
    {
        _directory = options.Directory;
        _entriesPerPause = options.EntriesPerPause;
        if (!options.ReadOnly)
        {
            Directory.CreateDirectory(options.Directory);
        }

        NativeHeap.Share();
        var cache = Cache.CreateLru((ulong)options.BlockCacheBytes);
        _options = new DbOptions()
            .SetCreateIfMissing()
            .SetCreateMissingColumnFamilies()
            .SetDbWriteBufferSize((ulong)options.MemtableBytes)
            .SetMaxOpenFiles(512)
            .SetKeepLogFileNum(2)
            .SetStatsDumpPeriodSec(0)
            .SetInfoLogLevel(InfoLogLevel.Warn);
        Native.Instance.rocksdb_options_set_atomic_flush(_options.Handle, 1);
        Native.Instance.rocksdb_options_set_max_background_jobs(_options.Handle, 2);

        var families = new ColumnFamilies(new ColumnFamilyOptions());
        foreach (var family in Families)
        {
            var table = new BlockBasedTableOptions()
                .SetBlockCache(cache)
                .SetCacheIndexAndFilterBlocks(true)
                .SetPinL0FilterAndIndexBlocksInCache(true)
                .SetBlockSize(8 << 10);
            if (family is Family.Latest)
            {
                // In partitions: the filter of a file with millions of small keys, as one block, would be larger than a shard of the cache
                // is, and read again for every pair that is looked up.
                table.SetFilterPolicy(BloomFilterPolicy.Create(10, false)).SetIndexType(BlockBasedTableIndexType.TwoLevelIndex);
                Native.Instance.rocksdb_block_based_options_set_partition_filters(table.Handle, 1);
            }

            var familyOptions = new ColumnFamilyOptions()
                .SetWriteBufferSize((ulong)options.MemtableBytes)
                .SetMaxWriteBufferNumber(4)
                .SetCompression(Compression.Lz4)
                .SetLevelCompactionDynamicLevelBytes(true)
                .SetDisableAutoCompactions(options.CompactsAtOnce ? 0 : 1)
                .SetBlockBasedTableFactory(table);
            if (family is Family.Latest or Family.LeaseKeys)
            {
                // Cursors pass over what is deleted there until it is gone. History and events are read behind what a compaction has deleted.
                Native.Instance.rocksdb_options_add_compact_on_deletion_collector_factory(familyOptions.Handle, DeletionsWindow, DeletionsWindow / 2);
            }

            families.Add(new ColumnFamilies.Descriptor(Name(family), familyOptions));
        }

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

        _handles = [.. Families.Select(family => _db.GetColumnFamily(Name(family)).Handle)];
        _writeOptions = new WriteOptions().DisableWal(1);
    }

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
            BlockCacheBytes = Property("rocksdb.block-cache-usage", _db.GetColumnFamily(Name(Family.Latest))),
            PendingCompactionBytes = Sum("rocksdb.estimate-pending-compaction-bytes"),
            RunningCompactionsCount = Property("rocksdb.num-running-compactions", _db.GetColumnFamily(Name(Family.Latest))),
            RunningFlushesCount = Property("rocksdb.num-running-flushes", _db.GetColumnFamily(Name(Family.Latest))),
            SnapshotsCount = Property("rocksdb.num-snapshots", _db.GetColumnFamily(Name(Family.Latest))),
            KeysCount = Property("rocksdb.estimate-num-keys", _db.GetColumnFamily(Name(Family.Latest))),
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

    public IStoreBatch CreateBatch() => new Batch(_handles);

    public void Write(IStoreBatch batch)
    {
        var native = ((Batch)batch).Native;
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
        return new View(this, _db.CreateSnapshot());
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

    // RocksDB insists on a family of this name.
    private static string Name(Family family) => family == Family.Meta ? "default" : family.ToString().ToLowerInvariant();

    private long BackgroundErrors => Property("rocksdb.background-errors", _db.GetColumnFamily(Name(Family.Latest)));

    private long Sum(string property) => Families.Sum(family => Property(property, _db.GetColumnFamily(Name(family))));

    private long Property(string name, ColumnFamilyHandle family) =>
        long.TryParse(_db.GetProperty(name, family), out var value) ? value : 0;

    private List<StorePiece> LiveFiles(Family family)
    {
        var native = RocksDbSharp.Native.Instance;
        var pieces = new List<StorePiece>();
        Enter();
        var files = native.rocksdb_livefiles(_db.Handle);
        try
        {
            for (var i = 0; i < native.rocksdb_livefiles_count(files); i++)
            {
                if (Marshal.PtrToStringUTF8(native.rocksdb_livefiles_column_family_name(files, i)) == Name(family))
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

    private void Enter()
    {
        lock (_closing)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _users++;
        }
    }

    private void Leave()
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

    private static nint OptionsOf(Snapshot snapshot)
    {
        var options = RocksDbSharp.Native.Instance.rocksdb_readoptions_create();
        RocksDbSharp.Native.Instance.rocksdb_readoptions_set_snapshot(options, snapshot.Handle);
        return options;
    }

    private sealed class FlushOptionsHandle : IDisposable
    {
        public nint Handle { get; } = RocksDbSharp.Native.Instance.rocksdb_flushoptions_create();

        public void Dispose() => RocksDbSharp.Native.Instance.rocksdb_flushoptions_destroy(Handle);
    }

    private sealed class Batch(nint[] families) : IStoreBatch
    {
        public WriteBatch Native { get; } = new();

        public void Put(Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            fixed (byte* k = key)
            fixed (byte* v = value)
            {
                RocksDbSharp.Native.Instance.rocksdb_writebatch_put_cf(
                    Native.Handle, families[(int)family], k, (nuint)key.Length, v, (nuint)value.Length);
            }
        }

        public void Delete(Family family, ReadOnlySpan<byte> key)
        {
            fixed (byte* k = key)
            {
                RocksDbSharp.Native.Instance.rocksdb_writebatch_delete_cf(Native.Handle, families[(int)family], k, (nuint)key.Length);
            }
        }

        public void DeleteRange(Family family, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
        {
            fixed (byte* s = start)
            fixed (byte* e = end)
            {
                RocksDbSharp.Native.Instance.rocksdb_writebatch_delete_range_cf(
                    Native.Handle, families[(int)family], s, (nuint)start.Length, e, (nuint)end.Length);
            }
        }

        public void Dispose() => Native.Dispose();
    }

    private sealed class View(RocksStore store, Snapshot snapshot) : IStoreSnapshot
    {
        private readonly nint _options = OptionsOf(snapshot);
        private bool _disposed;

        public T? Read<TState, T>(Family family, ReadOnlySpan<byte> key, TState state, ValueReader<TState, T> reader)
            where T : class
        {
            var native = RocksDbSharp.Native.Instance;
            nint pinned;
            fixed (byte* k = key)
            {
                pinned = native.rocksdb_get_pinned_cf(
                    store._db.Handle, _options, store._handles[(int)family], k, (nuint)key.Length);
            }

            if (pinned == 0)
            {
                return null;
            }

            try
            {
                var value = native.rocksdb_pinnableslice_value(pinned, out nuint length);
                return reader(new ReadOnlySpan<byte>((void*)value, (int)length), state);
            }
            finally
            {
                native.rocksdb_pinnableslice_destroy(pinned);
            }
        }

        public IStoreCursor Scan(Family family, ReadOnlySpan<byte> start, byte[]? end)
        {
            store.Enter();
            return new Cursor(store, store._handles[(int)family], snapshot, start.ToArray(), end, once: false);
        }

        public IStoreCursor ScanOnce(Family family, ReadOnlySpan<byte> start = default, byte[]? end = null)
        {
            store.Enter();
            return new Cursor(store, store._handles[(int)family], snapshot, start.ToArray(), end, once: true);
        }

        public IReadOnlyList<StorePiece> Pieces(Family family) => store.LiveFiles(family);

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                RocksDbSharp.Native.Instance.rocksdb_readoptions_destroy(_options);
                snapshot.Dispose();
                store.Leave();
            }
        }
    }

    private sealed class Cursor : IStoreCursor
    {
        private readonly RocksStore _store;
        private readonly byte[] _start;

        // RocksDB keeps a pointer to the bound for as long as the iterator lives.
        private readonly GCHandle _end;
        private readonly nint _options;
        private readonly nint _iterator;

        // Where to go on.
        private byte[]? _pausedAt;
        private bool _started;
        private bool _disposed;

        public Cursor(RocksStore store, nint family, Snapshot snapshot, byte[] start, byte[]? end, bool once)
        {
            _store = store;
            _start = start;
            var native = RocksDbSharp.Native.Instance;
            _options = OptionsOf(snapshot);
            native.rocksdb_readoptions_set_max_skippable_internal_keys(_options, (ulong)store._entriesPerPause);
            if (once)
            {
                native.rocksdb_readoptions_set_fill_cache(_options, 0);
                native.rocksdb_readoptions_set_readahead_size(_options, ReadaheadBytes);
            }
            else
            {
                native.rocksdb_readoptions_set_auto_readahead_size(_options, 1);
            }

            if (end is not null)
            {
                _end = GCHandle.Alloc(end, GCHandleType.Pinned);
                native.rocksdb_readoptions_set_iterate_upper_bound(_options, _end.AddrOfPinnedObject(), (nuint)end.Length);
            }

            _iterator = native.rocksdb_create_iterator_cf(store._db.Handle, _options, family);
        }

        public ReadOnlySpan<byte> Key => RocksIterator.Key(_iterator);

        public ReadOnlySpan<byte> Value => RocksIterator.Value(_iterator);

        public bool MoveNext() => IsOnEntry(TryMoveNext());

        public bool Seek(ReadOnlySpan<byte> key) => IsOnEntry(TrySeek(key));

        public CursorMove TryMoveNext()
        {
            if (_pausedAt is not null || !_started)
            {
                return TrySeek(_pausedAt ?? _start);
            }

            RocksIterator.Next(_iterator);
            return Move();
        }

        public CursorMove TrySeek(ReadOnlySpan<byte> key)
        {
            _started = true;
            fixed (byte* k = key)
            {
                RocksDbSharp.Native.Instance.rocksdb_iter_seek(_iterator, k, (nuint)key.Length);
            }

            return Move();
        }

        public void Dispose()
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            RocksDbSharp.Native.Instance.rocksdb_iter_destroy(_iterator);
            RocksDbSharp.Native.Instance.rocksdb_readoptions_destroy(_options);
            if (_end.IsAllocated)
            {
                _end.Free();
            }

            _store.Leave();
        }

        private bool IsOnEntry(CursorMove move)
        {
            while (move == CursorMove.Paused)
            {
                move = TryMoveNext();
            }

            return move == CursorMove.Pair;
        }

        private CursorMove Move()
        {
            _pausedAt = null;
            if (RocksIterator.IsValid(_iterator))
            {
                return CursorMove.Pair;
            }

            switch (RocksIterator.Error(_iterator))
            {
                case null:
                    return CursorMove.End;
                case TooManySkipped:
                    // The last deleted key that it has passed over is still there, as that of an entry would be.
                    _pausedAt = Key.ToArray();
                    return CursorMove.Paused;
                default:
                    // It could not read; this throws.
                    RocksDbSharp.Native.Instance.rocksdb_iter_get_error(_iterator);
                    return CursorMove.End;
            }
        }
    }
}
