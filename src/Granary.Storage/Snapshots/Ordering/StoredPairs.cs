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
    private bool _onLatest;

    public StoredPairs(IStoreSnapshot snapshot, long compactedRevision)
    {
        _compactedRevision = compactedRevision;
        _latest = snapshot.ScanOnce(Family.Latest);
        _history = snapshot.ScanOnce(Family.History);
        _latestLeft = _latest.MoveNext();
        _historyLeft = _history.MoveNext();
        SkipUnreadable();
    }

    /// <summary>Whether the current pair was not taken yet.</summary>
    public bool HasCurrent { get; private set; }

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
        if (!_latestLeft && !_historyLeft)
        {
            return false;
        }

        _onLatest = _latestLeft && (!_historyLeft || _latest.Key.SequenceCompareTo(_historyKey) <= 0);
        HasCurrent = true;
        return true;
    }

    public void Taken()
    {
        HasCurrent = false;
        if (_onLatest)
        {
            _latestLeft = _latest.MoveNext();
        }
        else
        {
            _historyLeft = _history.MoveNext();
            SkipUnreadable();
        }
    }

    public void Dispose()
    {
        _latest.Dispose();
        _history.Dispose();
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
