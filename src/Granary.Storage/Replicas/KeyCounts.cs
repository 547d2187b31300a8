using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;

namespace Granary.Storage.Replicas;

/// <summary>
/// How many keys the parts of the keyspace have, as far as somebody has counted them: a range of very many keys is answered with their number
/// without a look at each. What was counted once is kept right as keys come and go. Bounded; what it forgets is counted again.
/// </summary>
/// <param name="revision">The revision of the state that it begins with.</param>
internal sealed class KeyCounts(long revision)
{
    private const int Unknown = -1;

    // A part that has grown to this is to be counted anew, into smaller ones.
    private const int MaxKeysOfPart = RangeCount.KeysPerPart * 4;

    private const int MaxParts = 1 << 16;

    // The smallest key there can be.
    private static readonly ByteString[] Beginning = [ByteString.CopyFrom(0)];

    private readonly Lock _gate = new();
    private readonly KeyChanges _changes = new(revision);

    // Part i has the keys from _starts[i] on, up to where the next begins, and _counts[i] of them at the newest revision.
    private ByteString[] _starts = Beginning;
    private int[] _counts = [Unknown];

    /// <summary>Takes in what commits have changed. To be called before they are visible, in their order.</summary>
    public void Add(IReadOnlyList<AppliedCommit> commits)
    {
        lock (_gate)
        {
            foreach (var commit in commits)
            {
                if (commit.IsListed)
                {
                    Add(commit);
                }
                else
                {
                    Forget();
                    _changes.Forget(commit.Revision);
                }
            }
        }
    }

    /// <summary>How many keys there are at a revision that was published, as far as that is known.</summary>
    public KeyCount Count(KeyRange keys, long revision)
    {
        var end = keys.ExclusiveEnd();
        lock (_gate)
        {
            if (_starts.Length == 1 || revision < _changes.Since)
            {
                return new KeyCount(0, [keys]);
            }

            var (first, last) = (PartOf(_starts, keys.Start), LastPartBefore(end));
            var firstWhole = _starts[first].Equals(keys.Start) ? first : first + 1;
            var lastWhole = BeginsAt(last + 1, end) ? last : last - 1;
            var count = 0L;
            var uncounted = new List<KeyRange>();
            for (var i = first; i <= last; i++)
            {
                if (i >= firstWhole && i <= lastWhole && _counts[i] != Unknown)
                {
                    count += _counts[i];
                }
                else
                {
                    AddUncounted(uncounted, i, keys);
                }
            }

            foreach (var (key, difference) in _changes.Behind(revision))
            {
                var part = PartOf(_starts, key);
                if (part >= firstWhole && part <= lastWhole && _counts[part] != Unknown)
                {
                    count -= difference;
                }
            }

            return new KeyCount(count, uncounted);
        }
    }

    /// <summary>Remembers what was counted at a revision that was published, unless it is known already, or the revision too old.</summary>
    public void Remember(KeyRange keys, long revision, IReadOnlyList<CountedPart> parts)
    {
        var end = keys.ExclusiveEnd();
        lock (_gate)
        {
            var (first, last) = (PartOf(_starts, keys.Start), LastPartBefore(end));
            if (revision < _changes.Since || _counts.AsSpan(first..(last + 1)).ContainsAnyExcept(Unknown))
            {
                return;
            }

            var counts = parts.Select(static part => part.Count).ToArray();
            var starts = parts.Select(static part => part.Start).ToArray();
            foreach (var (key, difference) in _changes.Behind(revision))
            {
                if (keys.Contains(key))
                {
                    counts[PartOf(starts, key)] += difference;
                }
            }

            Replace(first, last, starts, counts, end);
        }
    }

    private void Add(AppliedCommit commit)
    {
        for (var i = 0; i < commit.Effects.Count; i++)
        {
            var effect = commit.Effects[i];
            var difference = effect.IsDelete ? -1 : effect.PreviousModRevision == 0 ? 1 : 0;
            if (difference == 0)
            {
                continue;
            }

            _changes.Add(commit.Revision, effect.Pair.Key, difference);
            ref var count = ref _counts[PartOf(_starts, effect.Pair.Key)];
            if (count != Unknown)
            {
                count += difference;
                count = count > MaxKeysOfPart ? Unknown : count;
            }
        }
    }

    private void Replace(int first, int last, ByteString[] starts, int[] counts, ByteString? end)
    {
        var before = _starts[first].Equals(starts[0]) ? first : first + 1;
        var hasRest = !BeginsAt(last + 1, end);
        ByteString[] allStarts = [.. _starts[..before], .. starts, .. hasRest ? [end!] : Array.Empty<ByteString>(), .. _starts[(last + 1)..]];
        if (allStarts.Length > MaxParts)
        {
            Forget();
            return;
        }

        _starts = allStarts;
        _counts = [.. _counts[..before], .. counts, .. hasRest ? [Unknown] : Array.Empty<int>(), .. _counts[(last + 1)..]];
    }

    private void Forget()
    {
        _starts = Beginning;
        _counts = [Unknown];
    }

    /// <summary>Adds what a range and a part share. Parts whose number is unknown are joined, as what is counted there will be remembered.</summary>
    private void AddUncounted(List<KeyRange> uncounted, int part, KeyRange keys)
    {
        var start = KeyRange.Compare(_starts[part], keys.Start) > 0 ? _starts[part] : keys.Start;
        var isLast = part + 1 == _starts.Length || (!keys.IsOpenEnded && KeyRange.Compare(_starts[part + 1], keys.End) >= 0);
        var end = isLast ? keys.End : _starts[part + 1];
        if (_counts[part] == Unknown && uncounted.Count > 0 && _counts[part - 1] == Unknown && uncounted[^1].End.Equals(start))
        {
            uncounted[^1] = uncounted[^1] with { End = end };
        }
        else
        {
            uncounted.Add(new KeyRange(start, end));
        }
    }

    /// <summary>Whether a part begins at a key; the one behind the last begins where there are no keys.</summary>
    private bool BeginsAt(int part, ByteString? key) => part == _starts.Length ? key is null : _starts[part].Equals(key);

    private int LastPartBefore(ByteString? end)
    {
        if (end is null)
        {
            return _starts.Length - 1;
        }

        var at = Array.BinarySearch(_starts, end, KeyComparer.Instance);
        return (at >= 0 ? at : ~at) - 1;
    }

    private static int PartOf(ByteString[] starts, ByteString key)
    {
        var at = Array.BinarySearch(starts, key, KeyComparer.Instance);
        return at >= 0 ? at : ~at - 1;
    }
}
