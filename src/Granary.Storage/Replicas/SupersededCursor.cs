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
    private bool _started;

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

    public bool MoveNext()
    {
        if (!_started)
        {
            _started = true;
            if (!_cursor.MoveNext())
            {
                return false;
            }
        }
        else if (!SeekBehind(_key))
        {
            return false;
        }

        while (true)
        {
            _key = HistoryKey.Key(_cursor.Key);
            if (HistoryKey.ModRevision(_cursor.Key) > _revision)
            {
                // Either the newest of this key that is old enough, or already the next key.
                _seekKey.Clear();
                HistoryKey.Write(_seekKey, _key, _revision);
                if (!_cursor.Seek(_seekKey.Written))
                {
                    return false;
                }

                continue;
            }

            var reader = new ByteReader(_cursor.Value);
            if (_revision < reader.Varint())
            {
                return true;
            }

            if (!SeekBehind(_key))
            {
                return false;
            }
        }
    }

    public KeyValue Read(bool withValue)
    {
        var reader = new ByteReader(_cursor.Value);
        reader.Varint();
        return PairCodec.Read(reader.Rest, UnsafeByteOperations.UnsafeWrap(_key), withValue);
    }

    public void Dispose() => _cursor.Dispose();

    private bool SeekBehind(ReadOnlySpan<byte> key)
    {
        _seekKey.Clear();
        HistoryKey.WriteBehind(_seekKey, key);
        return _cursor.Seek(_seekKey.Written);
    }
}
