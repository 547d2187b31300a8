using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>The pairs that were the newest at one revision but are no more: one seek a key that has history in the range.</summary>
internal sealed class SupersededCursor : IPairCursor
{
    private readonly IStoreCursor _cursor;
    private readonly long _revision;
    private readonly ByteWriter _seekKey = new();
    private byte[] _key = [];

    // Where the cursor is: before its first entry or on its way to one, on one that is still to be looked at, or on one that has been.
    private bool _isUnderWay = true;
    private bool _isAhead;

    public SupersededCursor(IStoreSnapshot snapshot, KeyRange keys, long revision)
    {
        _revision = revision;
        var bound = new ByteWriter();
        byte[]? end = null;
        if (keys.IsSingleKey)
        {
            HistoryKey.WriteBehind(bound, keys.Start.Span);
            end = bound.Written.ToArray();
            _seekKey.Clear();
            HistoryKey.Write(_seekKey, keys.Start.Span, revision);
        }
        else
        {
            if (keys.ExclusiveEnd() is { } exclusive)
            {
                HistoryKey.WriteStart(bound, exclusive.Span);
                end = bound.Written.ToArray();
            }

            HistoryKey.WriteStart(_seekKey, keys.Start.Span);
        }

        _cursor = snapshot.Scan(Family.History, _seekKey.Written, end);
    }

    public ReadOnlySpan<byte> Key => _key;

    public CursorMove MoveNext(ref int budget)
    {
        while (budget-- > 0)
        {
            if (!_isAhead)
            {
                var move = _isUnderWay ? _cursor.TryMoveNext() : SeekBehind(_key);
                _isUnderWay = move == CursorMove.Paused;
                if (move != CursorMove.Pair)
                {
                    return move;
                }
            }

            _isAhead = false;
            _key = HistoryKey.Key(_cursor.Key);
            if (HistoryKey.ModRevision(_cursor.Key) > _revision)
            {
                // Either the newest of this key that is old enough, or already the next key.
                _seekKey.Clear();
                HistoryKey.Write(_seekKey, _key, _revision);
                var move = _cursor.TrySeek(_seekKey.Written);
                _isUnderWay = move == CursorMove.Paused;
                if (move != CursorMove.Pair)
                {
                    return move;
                }

                _isAhead = true;
                continue;
            }

            var reader = new ByteReader(_cursor.Value);
            if (_revision < reader.Varint())
            {
                return CursorMove.Pair;
            }
        }

        return CursorMove.Paused;
    }

    public long Lease => PairCodec.ReadModRevisionAndLease(StoredPair).Lease;

    public KeyValue Read(bool withValue) => PairCodec.Read(StoredPair, UnsafeByteOperations.UnsafeWrap(_key), withValue);

    public void Dispose() => _cursor.Dispose();

    private ReadOnlySpan<byte> StoredPair
    {
        get
        {
            var reader = new ByteReader(_cursor.Value);
            reader.Varint();
            return reader.Rest;
        }
    }

    private CursorMove SeekBehind(ReadOnlySpan<byte> key)
    {
        _seekKey.Clear();
        HistoryKey.WriteBehind(_seekKey, key);
        return _cursor.TrySeek(_seekKey.Written);
    }
}
