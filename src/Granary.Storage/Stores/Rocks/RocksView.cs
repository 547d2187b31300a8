using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>What a store has at one moment. The database stays open until it is disposed of.</summary>
/// <param name="store">Whose; it has been entered for this.</param>
/// <param name="snapshot">The moment.</param>
internal sealed unsafe class RocksView(RocksStore store, Snapshot snapshot) : IStoreSnapshot
{
    private readonly nint _options = RocksCursor.OptionsOf(snapshot);
    private bool _disposed;

    public T? Read<TState, T>(Family family, ReadOnlySpan<byte> key, TState state, ValueReader<TState, T> reader)
        where T : class
    {
        var native = RocksDbSharp.Native.Instance;
        nint pinned;
        fixed (byte* k = key)
        {
            pinned = native.rocksdb_get_pinned_cf(
                store.Handle, _options, store.HandleOf(family), k, (nuint)key.Length);
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
        return new RocksCursor(store, store.HandleOf(family), snapshot, start.ToArray(), end, once: false);
    }

    public IStoreCursor ScanOnce(Family family, ReadOnlySpan<byte> start = default, byte[]? end = null)
    {
        store.Enter();
        return new RocksCursor(store, store.HandleOf(family), snapshot, start.ToArray(), end, once: true);
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
