using CsCheck;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Tests;

/// <summary>Permissions merged into intervals allow what the permissions allow one key at a time, and no more.</summary>
public sealed class KeyIntervalsTests
{
    private static readonly Gen<ByteString> Key =
        Gen.Int[0, 3].Select(i => (byte)(i == 3 ? 255 : i)).Array[1, 2].Select(bytes => ByteString.CopyFrom(bytes));

    // Every key of one to three of those bytes: more than the ranges' ends, so that there is one between any two of them.
    private static readonly ByteString[] Keys = AllKeys();

    private static readonly Gen<KeyRange> Range = Gen.Frequency(
        (2, Key.Select(key => new KeyRange(key, ByteString.Empty))),
        (3, Gen.Select(Key, Key, (start, end) => new KeyRange(start, end))),
        (1, Key.Select(key => new KeyRange(key, ByteString.CopyFrom(0)))));

    [Fact]
    public void A_range_is_in_the_union_when_all_of_its_keys_are() =>
        Gen.Select(Range.Array[0, 6], Range).Sample((permissions, asked) =>
        {
            var intervals = KeyIntervals.Union(permissions);
            if (asked.IsEmpty)
            {
                Assert.Equal(permissions.Any(permission => permission.Contains(asked.Start)), intervals.Contains(asked));
                return;
            }

            // Beyond the last of these keys is an endless number of others: only a permission without an end has them.
            var allowed = Keys.Where(asked.Contains).All(key => permissions.Any(permission => permission.Contains(key)))
                && (!asked.IsOpenEnded || permissions.Any(permission => permission.IsOpenEnded));
            Assert.Equal(allowed, intervals.Contains(asked));
        });

    [Fact]
    public void Intervals_neither_overlap_nor_touch() =>
        Range.Array[0, 8].Sample(permissions =>
        {
            var intervals = KeyIntervals.Union(permissions);
            Assert.InRange(intervals.Count, 0, permissions.Length);
            foreach (var key in Keys.Where(key => intervals.TryFindEnd(key, out var end) && end is not null))
            {
                intervals.TryFindEnd(key, out var end);
                Assert.False(intervals.TryFindEnd(end!, out _));
            }
        });

    private static ByteString[] AllKeys()
    {
        byte[] bytes = [0, 1, 2, 255];
        var one = bytes.Select(b => new[] { b }).ToList();
        var two = one.SelectMany(key => bytes.Select(b => new[] { key[0], b })).ToList();
        var three = two.SelectMany(key => bytes.Select(b => new[] { key[0], key[1], b }));
        return [.. one.Concat(two).Concat(three).Select(key => ByteString.CopyFrom(key))];
    }
}
