namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Walks the records of a state by revision and sub-revision, puts and deletes.</summary>
internal sealed class RecordCursor
{
    private readonly RunMerge _pairs;
    private readonly SpoolReader _orders;
    private readonly SpoolReader _tombstones;
    private readonly bool _withData;
    private bool _pairsLeft;

    // The next revision whose pairs are not numbered by key.
    private long _orderedRevision = long.MaxValue;

    // Pairs of such a revision, waiting for their turn.
    private readonly List<(int Sub, int Start, int Bytes)> _waiting = [];
    private byte[] _waitingData = [];
    private int _nextWaiting;

    // The next delete.
    private long _tombstoneRevision;
    private int _tombstoneSub;
    private byte[] _tombstoneKey = new byte[256];
    private int _tombstoneKeyBytes;

    private long _lastPairRevision = -1;
    private int _pairsOfRevision;
    private bool _onTombstone;

    internal RecordCursor(RunMerge pairs, SpoolReader orders, SpoolReader tombstones, bool withData)
    {
        _pairs = pairs;
        _orders = orders;
        _tombstones = tombstones;
        _withData = withData;
        _pairsLeft = _pairs.MoveNext();
        ReadOrderedRevision();
        ReadTombstone();
    }

    public RevisionKey Revision { get; private set; }

    /// <summary>Bytes of the record's KeyValue message.</summary>
    public int Bytes { get; private set; }

    /// <summary>Goes to the next record; the current one must have been taken if data are read.</summary>
    public bool MoveNext()
    {
        if (_nextWaiting < _waiting.Count)
        {
            var (sub, _, bytes) = _waiting[_nextWaiting];
            var revision = _lastPairRevision;
            return TombstoneIsBefore(revision, sub) ? OnTombstone() : On(new RevisionKey(revision, sub, false), bytes);
        }

        if (!_pairsLeft)
        {
            return _tombstoneRevision != long.MaxValue && OnTombstone();
        }

        if (_pairs.Revision == _orderedRevision)
        {
            ReadOrdered();
            return MoveNext();
        }

        var next = _pairs.Revision == _lastPairRevision ? _pairsOfRevision : 0;
        if (TombstoneIsBefore(_pairs.Revision, next))
        {
            return OnTombstone();
        }

        return On(new RevisionKey(_pairs.Revision, next, false), _pairs.Bytes);
    }

    /// <summary>Takes the current record's message, if data are read, and leaves it behind.</summary>
    /// <param name="target">Exactly as large as the message; empty without data.</param>
    public void Take(Span<byte> target)
    {
        if (_onTombstone)
        {
            if (_withData)
            {
                new KeyValueWire { Key = _tombstoneKey.AsSpan(0, _tombstoneKeyBytes) }.Write(target);
            }

            ReadTombstone();
        }
        else if (_nextWaiting < _waiting.Count)
        {
            if (_withData)
            {
                var (_, start, bytes) = _waiting[_nextWaiting];
                _waitingData.AsSpan(start, bytes).CopyTo(target);
            }

            _nextWaiting++;
        }
        else
        {
            if (_withData)
            {
                _pairs.Take(target);
            }

            _pairsOfRevision = _pairs.Revision == _lastPairRevision ? _pairsOfRevision + 1 : 1;
            _lastPairRevision = _pairs.Revision;
            _pairsLeft = _pairs.MoveNext();
        }
    }

    private bool On(RevisionKey revision, int bytes)
    {
        _onTombstone = false;
        Revision = revision;
        Bytes = bytes;
        return true;
    }

    private bool OnTombstone()
    {
        _onTombstone = true;
        Revision = new RevisionKey(_tombstoneRevision, _tombstoneSub, true);
        Bytes = new KeyValueWire { Key = _tombstoneKey.AsSpan(0, _tombstoneKeyBytes) }.Size();
        return true;
    }

    private bool TombstoneIsBefore(long revision, int sub) =>
        _tombstoneRevision < revision || (_tombstoneRevision == revision && _tombstoneSub < sub);

    /// <summary>Reads all pairs of a revision that are not numbered by key, and puts them in order.</summary>
    /// <exception cref="InvalidDataException">Pairs and events of the store do not agree.</exception>
    private void ReadOrdered()
    {
        _waiting.Clear();
        _nextWaiting = 0;
        _lastPairRevision = _orderedRevision;
        var count = _orders.ReadInt32();
        var length = 0;
        for (var i = 0; i < count; i++)
        {
            if (!_pairsLeft || _pairs.Revision != _orderedRevision)
            {
                throw new InvalidDataException($"the store has {i} pairs of revision {_orderedRevision} but events of {count}; `granary check` says more");
            }

            var bytes = _pairs.Bytes;
            if (_withData)
            {
                if (_waitingData.Length < length + bytes)
                {
                    Array.Resize(ref _waitingData, Math.Max(_waitingData.Length * 2, length + bytes));
                }

                _pairs.Take(_waitingData.AsSpan(length, bytes));
            }

            _waiting.Add((_orders.ReadInt32(), length, bytes));
            length += bytes;
            _pairsLeft = _pairs.MoveNext();
        }

        if (_pairsLeft && _pairs.Revision == _orderedRevision)
        {
            throw new InvalidDataException($"the store has more pairs of revision {_orderedRevision} than events, {count}; `granary check` says more");
        }

        _waiting.Sort(static (x, y) => x.Sub.CompareTo(y.Sub));
        ReadOrderedRevision();
    }

    private void ReadOrderedRevision() => _orderedRevision = _orders.IsAtEnd ? long.MaxValue : _orders.ReadInt64();

    private void ReadTombstone()
    {
        if (_tombstones.IsAtEnd)
        {
            _tombstoneRevision = long.MaxValue;
            return;
        }

        _tombstoneRevision = _tombstones.ReadInt64();
        _tombstoneSub = _tombstones.ReadInt32();
        _tombstoneKeyBytes = _tombstones.ReadInt32();
        if (_tombstoneKey.Length < _tombstoneKeyBytes)
        {
            _tombstoneKey = new byte[_tombstoneKeyBytes];
        }

        _tombstones.Read(_tombstoneKey.AsSpan(0, _tombstoneKeyBytes));
    }
}
