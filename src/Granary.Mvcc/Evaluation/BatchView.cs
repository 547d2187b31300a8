using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>A committed state with the effects of a batch on top of it that is not committed yet.</summary>
internal sealed class BatchView(IKeyspaceView committed) : IKeyspaceView
{
    // The newest pair of each key that the batch touched; null where it deleted the key.
    private readonly Dictionary<ByteString, KeyValue?> _changed = [];

    // What the batch has deleted as a whole; a pair that it has put since is among the changed ones.
    private readonly List<BulkDeletion> _bulk = [];
    private int _keptBulk;

    // Leases that the batch has granted or revoked.
    private readonly Dictionary<long, bool> _leases = [];

    // What _changed held before each change of the request at work, newest last.
    private readonly List<(ByteString Key, bool WasChanged, KeyValue? Before)> _undo = [];

    /// <summary>The revision that the batch has reached so far, if nobody else commits before it.</summary>
    public long Revision { get; set; } = committed.Revision;

    public long CompactedRevision => committed.CompactedRevision;

    public IKeyspaceView Committed => committed;

    public bool HasAlarm(AlarmType kind) => committed.HasAlarm(kind);

    public AuthState Auth => committed.Auth;

    public bool HasChanges => _changed.Count + _bulk.Count > 0;

    public bool HasLease(long id) => _leases.TryGetValue(id, out var exists) ? exists : committed.HasLease(id);

    public IReadOnlyList<ByteString> AttachedKeys(long lease, int max = int.MaxValue)
    {
        // A lease that the batch itself has granted, or that it revoked before, starts without what was attached to its id.
        if (!HasChanges)
        {
            return _leases.ContainsKey(lease) ? [] : committed.AttachedKeys(lease, max);
        }

        var most = _bulk.Count > 0 ? int.MaxValue : (int)Math.Min(int.MaxValue, (long)max + _changed.Count);
        var keys = _leases.ContainsKey(lease) ? [] : committed.AttachedKeys(lease, most);
        var attached = keys.Where(key => !_changed.ContainsKey(key) && !IsDeleted(key, lease)).ToList();
        attached.AddRange(_changed.Where(entry => entry.Value?.Lease == lease).Select(entry => entry.Key));
        attached.Sort(KeyRange.Compare);
        return attached.Count > max ? attached.GetRange(0, max) : attached;
    }

    public ByteString? NextAttached(long lease, ByteString from)
    {
        var next = _leases.ContainsKey(lease) ? null : committed.NextAttached(lease, from);
        while (next is not null && (_changed.ContainsKey(next) || IsDeleted(next, lease)))
        {
            next = committed.NextAttached(lease, KeyRange.Successor(next));
        }

        foreach (var (key, pair) in _changed)
        {
            if (pair?.Lease == lease && KeyRange.Compare(key, from) >= 0 && (next is null || KeyRange.Compare(key, next) < 0))
            {
                next = key;
            }
        }

        return next;
    }

    public bool HasVeryManyAttached(long lease) => !_leases.ContainsKey(lease) && committed.HasVeryManyAttached(lease);

    public AttachedCount CountAttached(long lease, CancellationToken cancellationToken) =>
        HasChanges || _leases.ContainsKey(lease) ? AttachedCount.Of(AttachedKeys(lease)) : committed.CountAttached(lease, cancellationToken);

    /// <summary>A lease comes or goes.</summary>
    public void SetLease(long id, bool exists) => _leases[id] = exists;

    public KeyValue? Find(ByteString key, long revision)
    {
        if (revision != Revision)
        {
            return committed.Find(key, revision);
        }

        if (_changed.Count > 0 && _changed.TryGetValue(key, out var changed))
        {
            return changed;
        }

        var pair = committed.Find(key, committed.Revision);
        return pair is null || IsDeleted(key, pair.Lease) ? null : pair;
    }

    public IPairCursor Scan(KeyRange keys, long revision)
    {
        if (revision != Revision)
        {
            return committed.Scan(keys, revision);
        }

        if (!HasChanges)
        {
            return committed.Scan(keys, committed.Revision);
        }

        var changed = new List<KeyValuePair<ByteString, KeyValue?>>();
        foreach (var entry in _changed)
        {
            if (keys.Contains(entry.Key))
            {
                changed.Add(entry);
            }
        }

        changed.Sort(static (a, b) => KeyRange.Compare(a.Key, b.Key));
        return new MergedCursor(this, committed.Scan(keys, committed.Revision), changed);
    }

    public KeyCount Counted(KeyRange keys, long revision) =>
        HasChanges && revision == Revision ? new KeyCount(0, [keys]) : committed.Counted(keys, Math.Min(revision, committed.Revision));

    public void Remember(KeyRange keys, long revision, IReadOnlyList<CountedPart> parts)
    {
        if (!HasChanges || revision != Revision)
        {
            committed.Remember(keys, Math.Min(revision, committed.Revision), parts);
        }
    }

    public void Set(ByteString key, KeyValue? pair)
    {
        _undo.Add((key, _changed.TryGetValue(key, out var before), before));
        _changed[key] = pair;
    }

    /// <summary>Deletes keys as a whole.</summary>
    public void Delete(BulkDeletion deletion)
    {
        foreach (var (key, pair) in _changed.ToArray())
        {
            if (pair is not null && deletion.Covers(key, pair.Lease))
            {
                Set(key, null);
            }
        }

        _bulk.Add(deletion);
    }

    /// <summary>What was changed since the last call stays.</summary>
    public void Keep()
    {
        _undo.Clear();
        _keptBulk = _bulk.Count;
    }

    /// <summary>What was changed since the last <see cref="Keep"/> never was.</summary>
    public void Undo()
    {
        _bulk.RemoveRange(_keptBulk, _bulk.Count - _keptBulk);
        for (var i = _undo.Count - 1; i >= 0; i--)
        {
            var (key, wasChanged, before) = _undo[i];
            if (wasChanged)
            {
                _changed[key] = before;
            }
            else
            {
                _changed.Remove(key);
            }
        }

        _undo.Clear();
    }

    /// <summary>Whether the pair that a key has in the committed state is deleted as one of many.</summary>
    private bool IsDeleted(ByteString key, long lease)
    {
        foreach (var deletion in _bulk)
        {
            if (deletion.Covers(key, lease))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Committed pairs and changed ones in one key order; a changed key hides its committed pair.</summary>
    private sealed class MergedCursor(BatchView view, IPairCursor committed, List<KeyValuePair<ByteString, KeyValue?>> changed) : IPairCursor
    {
        private int _position = -1;
        private KeyValue? _committed;
        private KeyValue? _current;
        private bool _committedIsNext;
        private bool _started;

        public CursorMove MoveNext(ref int budget)
        {
            while (true)
            {
                if (!_started || _committedIsNext)
                {
                    var move = committed.MoveNext(ref budget);
                    if (move == CursorMove.Paused)
                    {
                        return move;
                    }

                    _committed = move == CursorMove.Pair ? committed.Read(withValue: false) : null;
                    if (_committed is not null && view.IsDeleted(_committed.Key, _committed.Lease) && !view._changed.ContainsKey(_committed.Key))
                    {
                        continue;
                    }

                    _started = true;
                    _committedIsNext = false;
                }

                var next = _position + 1;
                if (next >= changed.Count)
                {
                    _current = null;
                    _committedIsNext = _committed is not null;
                    return _committedIsNext ? CursorMove.Pair : CursorMove.End;
                }

                var order = _committed is null ? 1 : KeyRange.Compare(_committed.Key, changed[next].Key);
                if (order < 0)
                {
                    _current = null;
                    _committedIsNext = true;
                    return CursorMove.Pair;
                }

                _position = next;
                if (order == 0)
                {
                    _committedIsNext = true;
                }

                if (changed[next].Value is { } pair)
                {
                    _current = pair;
                    return CursorMove.Pair;
                }
            }
        }

        public ReadOnlySpan<byte> Key => (_current ?? _committed!).Key.Span;

        public long Lease => (_current ?? _committed!).Lease;

        public KeyValue Read(bool withValue)
        {
            if (_current is null)
            {
                return withValue ? committed.Read(withValue: true) : _committed!;
            }

            return withValue ? _current : RangeEvaluation.WithoutValue(_current);
        }

        public void Dispose() => committed.Dispose();
    }
}
