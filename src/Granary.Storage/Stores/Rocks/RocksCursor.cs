using System.Runtime.InteropServices;
using Granary.Mvcc.Evaluation;
using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>A place in a family as it is at one moment. The database stays open until it is disposed of.</summary>
internal sealed unsafe class RocksCursor : IStoreCursor
{
    // RocksDB's words where a cursor has passed over as many entries as it may.
    private const string TooManySkipped = "Result incomplete: Too many internal keys skipped.";

    // Of a cursor over a whole family.
    private const int ReadaheadBytes = 1 << 20;

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

    public RocksCursor(RocksStore store, nint family, Snapshot snapshot, byte[] start, byte[]? end, bool once)
    {
        _store = store;
        _start = start;
        var native = RocksDbSharp.Native.Instance;
        _options = OptionsOf(snapshot);
        native.rocksdb_readoptions_set_max_skippable_internal_keys(_options, (ulong)store.EntriesPerPause);
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

        _iterator = native.rocksdb_create_iterator_cf(store.Handle, _options, family);
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

    /// <summary>Native options for reading at a moment; whoever made them destroys them.</summary>
    public static nint OptionsOf(Snapshot snapshot)
    {
        var options = RocksDbSharp.Native.Instance.rocksdb_readoptions_create();
        RocksDbSharp.Native.Instance.rocksdb_readoptions_set_snapshot(options, snapshot.Handle);
        return options;
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
