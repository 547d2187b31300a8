using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>
/// Every pair that can be read at the compacted revision or later, the newest and the superseded ones, in key order: of one key in any order.
/// </summary>
internal sealed class StoredPairs : IDisposable
{
    private readonly IStoreCursor _latest;
    private readonly IStoreCursor _history;
    private readonly long _compactedRevision;
    private bool _latestLeft;
    private bool _historyLeft;
    private byte[] _historyKey = [];
    private bool _started;
    private bool _onLatest;

    /// <param name="snapshot">The state.</param>
    /// <param name="start">The first key.</param>
    /// <param name="end">The key behind the last one; null for all that follow.</param>
    /// <param name="compactedRevision">What cannot be read there or later is left out.</param>
    public StoredPairs(IStoreSnapshot snapshot, byte[] start, byte[]? end, long compactedRevision)
    {
        _compactedRevision = compactedRevision;
        _latest = snapshot.ScanOnce(Family.Latest, start, end);
        _history = snapshot.ScanOnce(Family.History, InHistory(start), end is null ? null : InHistory(end));
    }

    /// <summary>Valid until the next move.</summary>
    public KeyValueWire Current
    {
        get
        {
            if (_onLatest)
            {
                return KeyValueWire.FromStored(_latest.Key, _latest.Value);
            }

            var reader = new ByteReader(_history.Value);
            reader.Varint();
            return KeyValueWire.FromStored(_historyKey, reader.Rest);
        }
    }

    public bool MoveNext()
    {
        if (!_started || _onLatest)
        {
            _latestLeft = _latest.MoveNext();
        }

        if (!_started || !_onLatest)
        {
            _historyLeft = _history.MoveNext();
            SkipUnreadable();
        }

        _started = true;
        _onLatest = _latestLeft && (!_historyLeft || _latest.Key.SequenceCompareTo(_historyKey) <= 0);
        return _latestLeft || _historyLeft;
    }

    public void Dispose()
    {
        _latest.Dispose();
        _history.Dispose();
    }

    private static byte[] InHistory(ReadOnlySpan<byte> key)
    {
        var bytes = new ByteWriter();
        HistoryKey.WriteStart(bytes, key);
        return bytes.Written.ToArray();
    }

    // What a compaction has made unreadable may still be there: its end says so.
    private void SkipUnreadable()
    {
        while (_historyLeft && new ByteReader(_history.Value).Varint() <= _compactedRevision)
        {
            _historyLeft = _history.MoveNext();
        }

        if (_historyLeft)
        {
            _historyKey = HistoryKey.Key(_history.Key);
        }
    }
}
