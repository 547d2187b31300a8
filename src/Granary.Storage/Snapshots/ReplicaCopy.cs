using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using ZstdSharp;

namespace Granary.Storage.Snapshots;

/// <summary>
/// The whole state of a replica in compressed chunks, for another process to begin from: what the store has, family by family, whatever kind of
/// store it is. The last chunk is what the store is as a whole; without it nobody opens the copy.
/// </summary>
public static class ReplicaCopy
{
    private const int ChunkBytes = 4 << 20;
    private const int Level = 3;

    // Written together, and last.
    private static readonly Family[] AsAWhole = [Family.Meta, Family.Auth];

    private static readonly Family[] InParts = [.. Enum.GetValues<Family>().Except(AsAWhole)];

    /// <summary>The state that a snapshot of a store holds.</summary>
    public static ReplicaState StateOf(IStoreSnapshot snapshot) => ReplicaState.Load(snapshot);

    /// <summary>The state that a store holds; null when it was begun to be filled, and not finished.</summary>
    public static ReplicaState? StateOf(IStore store)
    {
        using var snapshot = store.Snapshot();
        return ReplicaState.IsUnfinished(snapshot) ? null : ReplicaState.Load(snapshot);
    }

    /// <summary>The chunks of a state, read as they are asked for.</summary>
    public static IEnumerable<byte[]> Chunks(IStoreSnapshot snapshot)
    {
        using var compressor = new Compressor(Level);
        var chunk = new ByteWriter();
        foreach (var family in InParts)
        {
            using var cursor = snapshot.ScanOnce(family);
            while (cursor.MoveNext())
            {
                Add(chunk, family, cursor);
                if (chunk.Written.Length >= ChunkBytes)
                {
                    yield return compressor.Wrap(chunk.Written).ToArray();
                    chunk.Clear();
                }
            }
        }

        yield return compressor.Wrap(chunk.Written).ToArray();
        chunk.Clear();
        foreach (var family in AsAWhole)
        {
            using var cursor = snapshot.ScanOnce(family);
            while (cursor.MoveNext())
            {
                Add(chunk, family, cursor);
            }
        }

        yield return compressor.Wrap(chunk.Written).ToArray();
    }

    /// <summary>Makes a store what the chunks say, or an empty one if there are none; whatever was in it is gone.</summary>
    /// <exception cref="InvalidDataException">They are no chunks.</exception>
    public static void Fill(IStore store, IEnumerable<byte[]> chunks)
    {
        using var batch = store.CreateBatch();
        foreach (var family in Enum.GetValues<Family>())
        {
            Empty(store, batch, family);
        }

        ReplicaState.StoreUnfinished(batch);
        store.Write(batch);
        store.Flush();

        // The last one only when all before it are on stable storage.
        byte[]? last = null;
        using var decompressor = new Decompressor();
        foreach (var chunk in chunks)
        {
            Put(store, batch, decompressor, last);
            last = chunk;
        }

        store.Flush();
        if (last is null)
        {
            ReplicaState.StoreInitial(batch);
            store.Write(batch);
        }

        Put(store, batch, decompressor, last);
        store.Flush();
    }

    private static void Add(ByteWriter chunk, Family family, IStoreCursor cursor)
    {
        chunk.Byte((byte)family);
        chunk.LengthAndBytes(cursor.Key);
        chunk.LengthAndBytes(cursor.Value);
    }

    private static void Empty(IStore store, IStoreBatch batch, Family family)
    {
        using var snapshot = store.Snapshot();
        using var cursor = snapshot.ScanOnce(family);
        byte[]? first = null;
        byte[]? last = null;
        while (cursor.MoveNext())
        {
            first ??= cursor.Key.ToArray();
            last = cursor.Key.ToArray();
        }

        if (first is not null)
        {
            batch.DeleteRange(family, first, last);
            batch.Delete(family, last);
        }
    }

    private static void Put(IStore store, IStoreBatch batch, Decompressor decompressor, byte[]? chunk)
    {
        if (chunk is null)
        {
            return;
        }

        try
        {
            var reader = new ByteReader(decompressor.Unwrap(chunk));
            while (!reader.IsAtEnd)
            {
                var family = (Family)reader.Byte();
                if (!Enum.IsDefined(family))
                {
                    throw new InvalidDataException($"a chunk has entries of the unknown family {(int)family}");
                }

                var key = reader.LengthAndBytes();
                batch.Put(family, key, reader.LengthAndBytes());
            }
        }
        catch (ZstdException exception)
        {
            throw new InvalidDataException("a chunk is damaged", exception);
        }

        store.Write(batch);
    }
}
