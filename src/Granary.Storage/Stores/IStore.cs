using Granary.Mvcc.Evaluation;

namespace Granary.Storage.Stores;

/// <summary>Makes a value out of stored bytes, which are gone when it returns.</summary>
public delegate T ValueReader<in TState, out T>(ReadOnlySpan<byte> value, TState state);

/// <summary>Ordered tables of bytes that are changed together, in batches, and read by snapshots. Holds no rule of the keyspace.</summary>
public interface IStore : IDisposable
{
    /// <summary>A batch that is empty.</summary>
    IStoreBatch CreateBatch();

    /// <summary>Applies a batch, all or nothing, and empties it.</summary>
    /// <exception cref="StoreFullException">The disk is full. The batch is kept as it is.</exception>
    void Write(IStoreBatch batch);

    /// <summary>The state that all batches so far have made.</summary>
    IStoreSnapshot Snapshot();

    /// <summary>Puts all that was written before the call on stable storage, atomically over all families.</summary>
    /// <exception cref="StoreFullException">The disk is full.</exception>
    void Flush();

    /// <summary>Gives back the space of what was deleted in the family. Slow; disturbs nobody.</summary>
    /// <exception cref="IOException">Not all of it could be given back; the data is as it was.</exception>
    void Reclaim(Family family);

    /// <summary>Bytes that the store takes up; never 0.</summary>
    long SizeBytes { get; }

    /// <summary>Bytes that wait in memory to be written to files, roughly.</summary>
    long UnflushedBytes { get; }

    /// <summary>What the store says of itself at this moment.</summary>
    StoreFigures Figures { get; }
}

/// <summary>Changes to be made together.</summary>
public interface IStoreBatch : IDisposable
{
    void Put(Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    void Delete(Family family, ReadOnlySpan<byte> key);

    /// <summary>Deletes every key from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    void DeleteRange(Family family, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end);
}

/// <summary>One state of a store, unchanged for as long as it is held.</summary>
public interface IStoreSnapshot : IDisposable
{
    /// <summary>The value of a key as <paramref name="reader"/> makes it, or null.</summary>
    T? Read<TState, T>(Family family, ReadOnlySpan<byte> key, TState state, ValueReader<TState, T> reader)
        where T : class;

    /// <summary>A cursor before the first key at or behind <paramref name="start"/>; without an end it goes to the last key.</summary>
    IStoreCursor Scan(Family family, ReadOnlySpan<byte> start, byte[]? end);

    /// <summary>A cursor for reading much of a family: it takes no memory from those who read the same keys again.</summary>
    IStoreCursor ScanOnce(Family family, ReadOnlySpan<byte> start = default, byte[]? end = null);

    /// <summary>Pieces that a family is made of, roughly, in any order: for those who want to read it in several places at once.</summary>
    IReadOnlyList<StorePiece> Pieces(Family family);
}

/// <summary>Walks a family in key order. The spans live until the next move.</summary>
public interface IStoreCursor : IDisposable
{
    ReadOnlySpan<byte> Key { get; }

    ReadOnlySpan<byte> Value { get; }

    bool MoveNext();

    /// <summary>Goes to the first key at or behind <paramref name="key"/>; false if there is none before the end.</summary>
    bool Seek(ReadOnlySpan<byte> key);

    /// <summary>
    /// As <see cref="MoveNext"/>, but pauses where very many deleted keys lie before the next one, and goes on from there when it is called again.
    /// </summary>
    CursorMove TryMoveNext() => MoveNext() ? CursorMove.Pair : CursorMove.End;

    /// <summary>As <see cref="Seek"/>, but pauses as <see cref="TryMoveNext"/> does, which then goes on.</summary>
    CursorMove TrySeek(ReadOnlySpan<byte> key) => Seek(key) ? CursorMove.Pair : CursorMove.End;

    /// <summary>As <see cref="MoveNext"/>, for a caller who may leave while deleted keys are passed over.</summary>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    bool MoveOn(CancellationToken cancellationToken)
    {
        CursorMove move;
        while ((move = TryMoveNext()) == CursorMove.Paused)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return move == CursorMove.Pair;
    }
}
