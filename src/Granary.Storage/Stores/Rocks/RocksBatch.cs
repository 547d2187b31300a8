using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>Writes that RocksDB takes all at once.</summary>
/// <param name="families">The native handle of each family, by its number.</param>
internal sealed unsafe class RocksBatch(nint[] families) : IStoreBatch
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
