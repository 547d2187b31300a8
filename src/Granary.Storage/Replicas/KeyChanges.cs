using Google.Protobuf;

namespace Granary.Storage.Replicas;

/// <summary>The keys that came and went lately, so that a count of one revision can be made one of another. Bounded: the oldest are forgotten.</summary>
/// <param name="revision">The revision before the first change.</param>
internal sealed class KeyChanges(long revision)
{
    private const int MaxChanges = 1 << 14;

    // The newest changes, each at its number modulo the length.
    private (long Revision, ByteString Key, int Difference)[] _ring = new (long, ByteString, int)[64];
    private long _first;
    private long _next;

    /// <summary>All changes behind this revision are there.</summary>
    public long Since { get; private set; } = revision;

    /// <param name="revision">Not before that of the change before.</param>
    /// <param name="key">The key.</param>
    /// <param name="difference">1 for a key that comes, -1 for one that goes.</param>
    public void Add(long revision, ByteString key, int difference)
    {
        if (_next - _first == _ring.Length)
        {
            MakeRoom();
        }

        _ring[_next++ % _ring.Length] = (revision, key, difference);
    }

    /// <summary>The changes behind a revision, the newest first.</summary>
    public IEnumerable<(ByteString Key, int Difference)> Behind(long revision)
    {
        for (var i = _next - 1; i >= _first; i--)
        {
            var change = _ring[i % _ring.Length];
            if (change.Revision <= revision)
            {
                yield break;
            }

            yield return (change.Key, change.Difference);
        }
    }

    /// <summary>Forgets all up to a revision, which is not before that of the last change.</summary>
    public void Forget(long revision)
    {
        Array.Clear(_ring);
        _first = _next;
        Since = revision;
    }

    private void MakeRoom()
    {
        if (_ring.Length == MaxChanges)
        {
            Since = _ring[_first % _ring.Length].Revision;
            _first++;
            return;
        }

        var grown = new (long, ByteString, int)[_ring.Length * 2];
        for (var i = _first; i < _next; i++)
        {
            grown[i % grown.Length] = _ring[i % _ring.Length];
        }

        _ring = grown;
    }
}
