using Google.Protobuf;

namespace Granary.Mvcc.Keys;

/// <summary>
/// Which range owns which keys: ranges side by side that together cover the keyspace, immutable, with a version
/// that grows with each change. Part of the replicated state.
/// </summary>
public sealed class RangeMap
{
    private readonly ByteString[] _starts;
    private readonly RangeId[] _ids;

    /// <param name="version">Grows with each change of the map.</param>
    /// <param name="ranges">Each range's id and first key, in key order; the first one starts with the empty key.</param>
    public RangeMap(long version, IReadOnlyList<(RangeId Id, ByteString Start)> ranges)
    {
        if (ranges.Count == 0 || !ranges[0].Start.IsEmpty)
        {
            throw new ArgumentException("A range map starts at the empty key.", nameof(ranges));
        }

        Version = version;
        _starts = new ByteString[ranges.Count];
        _ids = new RangeId[ranges.Count];
        for (var i = 0; i < ranges.Count; i++)
        {
            if (i > 0 && KeyRange.Compare(ranges[i - 1].Start, ranges[i].Start) >= 0)
            {
                throw new ArgumentException("The starts of a range map rise.", nameof(ranges));
            }

            (_ids[i], _starts[i]) = ranges[i];
        }
    }

    public long Version { get; }

    public int Count => _ids.Length;

    public RangeId IdAt(int position) => _ids[position];

    public ByteString StartAt(int position) => _starts[position];

    /// <summary>The keys that a range owns.</summary>
    public KeyRange KeysAt(int position) =>
        new(_starts[position], position + 1 < _starts.Length ? _starts[position + 1] : KeyRange.All.End);

    /// <summary>A map whose ranges part at the given keys; ids count from 1.</summary>
    public static RangeMap SplitAt(IEnumerable<ByteString> keys)
    {
        var ranges = new List<(RangeId, ByteString)> { (new RangeId(1), ByteString.Empty) };
        foreach (var key in keys.Order(KeyComparer.Instance))
        {
            ranges.Add((new RangeId(ranges.Count + 1), key));
        }

        return new RangeMap(1, ranges);
    }

    /// <summary>The position of the range that owns <paramref name="key"/>.</summary>
    public int Find(ByteString key)
    {
        var low = 0;
        var high = _starts.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (KeyRange.Compare(_starts[middle], key) <= 0)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    /// <summary>The positions, first and last, of the ranges that <paramref name="keys"/> touches; one range for an empty set.</summary>
    public (int First, int Last) Find(KeyRange keys)
    {
        var first = Find(keys.Start);
        if (_starts.Length == 1 || keys.IsSingleKey || keys.IsEmpty)
        {
            return (first, first);
        }

        if (keys.IsOpenEnded)
        {
            return (first, _starts.Length - 1);
        }

        var last = Find(keys.End);
        if (last > first && _starts[last].Equals(keys.End))
        {
            last--;
        }

        return (first, last);
    }
}
