using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Tests;

public sealed class KeyRangeTests
{
    [Fact]
    public void Contains_agrees_with_the_bounds() =>
        Gen.Select(RandomRequests.Key, RandomRequests.RangeEnd, RandomRequests.Key).Sample((start, end, key) =>
        {
            var range = new KeyRange(start, end);
            var exclusive = range.ExclusiveEnd();
            var inBounds = KeyRange.Compare(start, key) <= 0 && (exclusive is null || KeyRange.Compare(key, exclusive) < 0);
            Assert.Equal(inBounds, range.Contains(key));
            Assert.True(!range.IsEmpty || !range.Contains(key));
        });

    [Fact]
    public void A_range_map_finds_for_every_key_the_range_that_owns_it_and_for_every_range_all_that_it_touches() =>
        Gen.Select(RandomRequests.Key.Array[0, 5], RandomRequests.Key, RandomRequests.RangeEnd, RandomRequests.Key).Sample((splits, start, end, key) =>
        {
            var map = RangeMap.SplitAt(splits.Distinct());
            var owner = map.Find(key);
            Assert.True(KeyRange.Compare(map.StartAt(owner), key) <= 0);
            Assert.True(owner == map.Count - 1 || KeyRange.Compare(key, map.StartAt(owner + 1)) < 0);

            var range = new KeyRange(start, end);
            if (range.Contains(key))
            {
                var (first, last) = map.Find(range);
                Assert.InRange(owner, first, last);
            }
        });

    [Fact]
    public void A_range_that_ends_where_the_next_one_starts_does_not_touch_it()
    {
        var map = RangeMap.SplitAt([ByteString.CopyFromUtf8("m")]);
        Assert.Equal((0, 0), map.Find(new KeyRange(ByteString.CopyFromUtf8("a"), ByteString.CopyFromUtf8("m"))));
        Assert.Equal((0, 1), map.Find(new KeyRange(ByteString.CopyFromUtf8("a"), ByteString.CopyFromUtf8("m\0"))));
    }
}
