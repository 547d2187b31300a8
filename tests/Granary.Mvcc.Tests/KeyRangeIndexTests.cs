using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Tests;

public sealed class KeyRangeIndexTests
{
    private static readonly Gen<KeyRange> Range = Gen.Select(RandomRequests.Key, RandomRequests.RangeEnd, (start, end) => new KeyRange(start, end))
        .Where(range => !range.IsEmpty);

    [Fact]
    public void It_finds_what_looking_at_every_range_finds_whatever_was_added_and_removed() =>
        Gen.Select(Gen.Bool, Range).Array[0, 60].Sample(changes =>
        {
            var index = new KeyRangeIndex<string>();
            var naive = new Dictionary<KeyRange, string>();
            foreach (var (isRemoval, range) in changes)
            {
                if (isRemoval)
                {
                    Assert.Equal(naive.Remove(range), index.Remove(range));
                }
                else
                {
                    naive.TryAdd(range, range.ToString());
                    Assert.Equal(naive[range], index.GetOrAdd(range, range.ToString));
                }

                Assert.Equal(naive.Count, index.Count);
            }

            foreach (var key in changes.Select(change => change.Item2.Start).Append(ByteString.CopyFrom(0)))
            {
                var found = new List<string>();
                index.FindContaining(key, found);
                Assert.Equal(naive.Where(entry => entry.Key.Contains(key)).Select(entry => entry.Value).Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
            }
        });

    [Fact]
    public void A_hundred_thousand_ranges_do_not_make_it_slow_or_deep()
    {
        var index = new KeyRangeIndex<object>();
        for (var i = 0; i < 100_000; i++)
        {
            var start = ByteString.CopyFromUtf8($"{i:D8}");
            index.GetOrAdd(new KeyRange(start, ByteString.CopyFromUtf8($"{i:D8}~")), () => new object());
        }

        var found = new List<object>();
        for (var i = 0; i < 100_000; i++)
        {
            index.FindContaining(ByteString.CopyFromUtf8($"{i:D8}x"), found);
        }

        Assert.Equal(100_000, found.Count);
    }
}
