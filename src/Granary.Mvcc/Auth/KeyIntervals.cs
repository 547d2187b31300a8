using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Auth;

/// <summary>A set of keys as disjoint intervals in key order; those that overlap or touch are one. A look-up takes O(log n).</summary>
public sealed class KeyIntervals
{
    public static readonly KeyIntervals Empty = new([]);

    // Exclusive ends; null has no end, and only the last interval has none.
    private readonly (ByteString Start, ByteString? End)[] _intervals;

    private KeyIntervals((ByteString Start, ByteString? End)[] intervals) => _intervals = intervals;

    public int Count => _intervals.Length;

    /// <summary>The union of ranges, in any order.</summary>
    public static KeyIntervals Union(IEnumerable<KeyRange> ranges)
    {
        var merged = new List<(ByteString Start, ByteString? End)>();
        foreach (var range in ranges.Where(static range => !range.IsEmpty).OrderBy(static range => range.Start, KeyComparer.Instance))
        {
            var end = range.ExclusiveEnd();
            if (merged.Count > 0 && (merged[^1].End is not { } last || KeyRange.Compare(range.Start, last) <= 0))
            {
                merged[^1] = (merged[^1].Start, Later(merged[^1].End, end));
            }
            else
            {
                merged.Add((range.Start, end));
            }
        }

        return merged.Count == 0 ? Empty : new KeyIntervals([.. merged]);
    }

    /// <summary>
    /// Whether all keys of a range are in one interval. Of a range that holds no key, since its end is not behind its start, the start
    /// must be: so it is in etcd.
    /// </summary>
    public bool Contains(KeyRange range)
    {
        if (Find(range.Start) is not { } interval)
        {
            return false;
        }

        return interval.End is not { } end
            || range.IsSingleKey
            || (!range.IsOpenEnded && KeyRange.Compare(range.End, end) <= 0);
    }

    /// <summary>Where the interval ends that a key is in.</summary>
    /// <param name="key">Any key.</param>
    /// <param name="end">The first key behind it; null when it has no end.</param>
    /// <returns>False when the key is in none.</returns>
    public bool TryFindEnd(ByteString key, out ByteString? end)
    {
        var found = Find(key);
        end = found?.End;
        return found is not null;
    }

    private (ByteString Start, ByteString? End)? Find(ByteString key)
    {
        var low = 0;
        var high = _intervals.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (KeyRange.Compare(_intervals[middle].Start, key) <= 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            return null;
        }

        var candidate = _intervals[low - 1];
        return candidate.End is { } end && KeyRange.Compare(key, end) >= 0 ? null : candidate;
    }

    private static ByteString? Later(ByteString? one, ByteString? other) =>
        one is null || other is null ? null : KeyRange.Compare(one, other) >= 0 ? one : other;
}
