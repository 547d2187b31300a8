using System.Collections.Immutable;
using Google.Protobuf;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>The keys of a bulk deletion that the store has not done with, in their order: those whose pair it still shows, and those whose pair has left.</summary>
internal sealed class DeferredCursor : IDisposable
{
    // How many pairs are passed one by one to the pair of the next attached key, before it is looked up.
    private const int MaxSteps = 8;

    private readonly DeferredDeletion _deletion;
    private readonly IReadOnlyList<DeferredDeletion> _deferred;

    // Over the pairs of the range, or over the keys that are attached to the lease.
    private readonly IStoreCursor _stored;

    // Over the pairs, beside the keys of the lease: both come in key order, so that most pairs are a step away.
    private readonly IStoreCursor? _pairs;
    private bool _pairsLeft;
    private ImmutableSortedDictionary<ByteString, long>.Enumerator _moved;

    // The next key of either, null when there is none left.
    private ByteString? _storedKey;
    private long _storedModRevision;
    private long _storedLease;
    private bool _movedLeft;

    /// <param name="deletion">The deletion.</param>
    /// <param name="position">The first key to look at, not before the deletion's own position; empty for the first there is.</param>
    /// <param name="snapshot">The store.</param>
    /// <param name="deferred">All deletions that are on their way.</param>
    public DeferredCursor(DeferredDeletion deletion, ByteString position, IStoreSnapshot snapshot, IReadOnlyList<DeferredDeletion> deferred)
    {
        _deletion = deletion;
        _deferred = deferred;
        if (deletion.Deletion.Keys is { } keys)
        {
            var start = position.IsEmpty ? keys.Start : position;
            _stored = snapshot.Scan(Family.Latest, start.Span, keys.ExclusiveEnd()?.ToByteArray());
        }
        else
        {
            var start = new ByteWriter();
            LeaseKey.Write(start, deletion.Deletion.Lease, position.Span);
            _stored = snapshot.Scan(Family.LeaseKeys, start.Written, LeaseKey.Behind(deletion.Deletion.Lease));
            _pairs = snapshot.Scan(Family.Latest, position.Span, null);
            _pairsLeft = _pairs.MoveNext();
        }

        _moved = deletion.Moved.GetEnumerator();
        _movedLeft = _moved.MoveNext();
        while (_movedLeft && _moved.Current.Key.Span.SequenceCompareTo(position.Span) < 0)
        {
            _movedLeft = _moved.MoveNext();
        }

        MoveStored();
    }

    public ByteString Key { get; private set; } = ByteString.Empty;

    /// <summary>The mod revision of the pair that was deleted.</summary>
    public long ModRevision { get; private set; }

    /// <summary>Whether that pair has left already.</summary>
    public bool IsMoved { get; private set; }

    public bool MoveNext()
    {
        if (_movedLeft && (_storedKey is null || _moved.Current.Key.Span.SequenceCompareTo(_storedKey.Span) < 0))
        {
            (Key, ModRevision) = _moved.Current;
            IsMoved = true;
            _movedLeft = _moved.MoveNext();
            return true;
        }

        if (_storedKey is null)
        {
            return false;
        }

        (Key, ModRevision, IsMoved) = (_storedKey, _storedModRevision, false);
        MoveStored();
        return true;
    }

    public void Dispose()
    {
        _stored.Dispose();
        _pairs?.Dispose();
        _moved.Dispose();
    }

    /// <summary>Goes on to the next key whose pair is there and is this deletion's.</summary>
    private void MoveStored()
    {
        while (_stored.MoveNext())
        {
            if (_deletion.Deletion.Keys is not null)
            {
                (_storedModRevision, _storedLease) = PairCodec.ReadModRevisionAndLease(_stored.Value);
                if (IsOwn(_stored.Key, _storedModRevision, _storedLease))
                {
                    _storedKey = ByteString.CopyFrom(_stored.Key);
                    return;
                }
            }
            else if (ReadNewest(_stored.Key[LeaseKey.Length..]) && IsOwn(_stored.Key[LeaseKey.Length..], _storedModRevision, _storedLease))
            {
                _storedKey = ByteString.CopyFrom(_stored.Key[LeaseKey.Length..]);
                return;
            }
        }

        _storedKey = null;
    }

    /// <summary>Goes on to the pair of an attached key; false if it has none.</summary>
    private bool ReadNewest(ReadOnlySpan<byte> key)
    {
        for (var steps = 0; _pairsLeft; steps++)
        {
            var order = _pairs!.Key.SequenceCompareTo(key);
            if (order == 0)
            {
                (_storedModRevision, _storedLease) = PairCodec.ReadModRevisionAndLease(_pairs.Value);
                return true;
            }

            if (order > 0)
            {
                return false;
            }

            _pairsLeft = steps < MaxSteps ? _pairs.MoveNext() : _pairs.Seek(key);
        }

        return false;
    }

    private bool IsOwn(ReadOnlySpan<byte> key, long modRevision, long lease) =>
        DeferredDeletion.Find(_deferred, key, modRevision, lease) is >= 0 and var at
        && _deferred[at].Revision == _deletion.Revision && _deferred[at].FirstSub == _deletion.FirstSub;
}
