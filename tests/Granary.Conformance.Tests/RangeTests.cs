using Granary.Protos;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

public sealed class RangeTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    public static TheoryData<SortTarget, SortOrder> Sorts { get; } =
        [.. from target in Enum.GetValues<SortTarget>() from order in Enum.GetValues<SortOrder>() select (target, order)];

    [Fact]
    public async Task A_single_key_is_found_with_all_its_fields()
    {
        await Same(Put("a", "1"));
        await Same(Put("a", "2"));
        var answer = await Same(Range("a"));
        Assert.Equal((Start + 1, Start + 2, 2L), (answer.Kvs[0].CreateRevision, answer.Kvs[0].ModRevision, answer.Kvs[0].Version));
    }

    [Fact]
    public async Task A_missing_key_is_no_error()
    {
        var answer = await Same(Range("missing"));
        Assert.Equal((0, 0L), (answer.Kvs.Count, answer.Count));
    }

    [Fact]
    public async Task A_key_with_an_empty_value_exists()
    {
        await Same(Put("a", ""));
        Assert.Equal(1, (await Same(Range("a"))).Count);
    }

    [Fact]
    public async Task The_range_end_is_not_part_of_the_range()
    {
        await PutAll("a", "ab", "b", "b\0", "c");
        Assert.Equal(["a", "ab"], Keys(await Same(Range("a", "b"))));
        Assert.Equal(["a", "ab", "b"], Keys(await Same(Range("a", "b\0"))));
    }

    [Theory]
    [InlineData("b", "b")]
    [InlineData("b", "a")]
    [InlineData("b", "\0\0")]
    [InlineData("bb", "b")]
    public async Task A_range_that_ends_before_it_starts_is_empty(string key, string end)
    {
        await PutAll("a", "b", "bb", "c");
        Assert.Equal(0, (await Same(Range(key, end))).Count);
        Assert.Equal(0, (await Same(Range(key, end, countOnly: true))).Count);
    }

    [Fact]
    public async Task An_empty_range_at_an_impossible_revision_is_still_an_error()
    {
        await SameError(Expected.FutureRevision, Range("b", "a", revision: Start + 1));
        await SameError(Expected.Compacted, Range("b", "a", revision: Start - 1));
        await SameError(Expected.FutureRevision, Range("b", "a", revision: Start + 1, countOnly: true));
        await SameError(Expected.Compacted, Range("b", "a", revision: Start - 1, countOnly: true));
    }

    [Fact]
    public async Task A_zero_byte_as_range_end_means_everything_from_the_key_on()
    {
        await PutAll("a", "b", "c", "\u00ff", "\u00ff\u00ff");
        Assert.Equal(["b", "c", "\u00ff", "\u00ff\u00ff"], Keys(await Same(Range("b", "\0"))));
        Assert.Equal(["\u00ff\u00ff"], Keys(await Same(Range("\u00ff\0", "\0"))));
    }

    [Fact]
    public async Task A_zero_byte_as_key_and_range_end_means_everything()
    {
        await PutAll("\0", "\0\0", "a", "\u00ff");
        Assert.Equal(4, (await Same(Range("\0", "\0"))).Count);
    }

    [Fact]
    public async Task The_key_of_one_zero_byte_is_a_key()
    {
        await PutAll("\0", "\0\0", "a");
        Assert.Equal(["\0"], Keys(await Same(Range("\0"))));
    }

    [Fact]
    public async Task Two_zero_bytes_as_range_end_are_an_ordinary_bound()
    {
        await PutAll("\0", "\0\0", "\0\0\0", "a");
        Assert.Equal(["\0"], Keys(await Same(Range("\0", "\0\0"))));
        Assert.Equal(["\0\0"], Keys(await Same(Range("\0\0", "\0\0\0"))));
    }

    [Fact]
    public async Task Keys_are_ordered_as_unsigned_bytes_and_the_shorter_first()
    {
        await PutAll("\u0080", "\u007f", "a\0", "a", "a\u00ff", "b", "\u00ff\u00ff\0", "\u00ff\u00ff", "ab");
        Assert.Equal(["a", "a\0", "ab", "a\u00ff", "b", "\u007f", "\u0080", "\u00ff\u00ff", "\u00ff\u00ff\0"], Keys(await Same(Everything())));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    [InlineData("z")]
    public async Task An_empty_key_is_refused_whatever_the_range_end(string end)
    {
        await SameError(Expected.EmptyKey, Range("", end));
        await SameError(Expected.EmptyKey, Range("", end, revision: Start + 100, countOnly: true, serializable: true));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task More_says_whether_the_limit_left_keys_out_and_count_ignores_it(long limit)
    {
        await PutAll("a", "b", "c");
        var answer = await Same(Range("a", "z", limit: limit));
        Assert.Equal(limit is 1 or 2, answer.More);
        Assert.Equal(3, answer.Count);
        await Same(Range("a", "z", limit: limit, order: SortOrder.Descend));
        await Same(Range("a", "z", limit: limit, countOnly: true));
        await Same(Range("a", "z", limit: limit, keysOnly: true));
        await Same(Range("a", "z", limit: limit, minMod: Start + 2));
        await Same(Range("a", limit: limit));
    }

    [Theory]
    [MemberData(nameof(Sorts))]
    public async Task Results_are_sorted_by_any_target_in_any_order_before_the_limit(SortTarget target, SortOrder order)
    {
        // Every target has its own order here, and no ties: c is oldest, b newest, a most often written.
        await PutAll(("c", "m"), ("a", "x"), ("a", "y"), ("a", "z"), ("b", "b"), ("c", "n"), ("b", "a"), ("b", "c"), ("b", "k"));
        foreach (var limit in new[] { 0, 1, 2, 3 })
        {
            await Same(Range("a", "z", limit: limit, target: target, order: order));
            await Same(Range("a", "z", limit: limit, target: target, order: order, keysOnly: true));
            await Same(Range("a", "z", limit: limit, target: target, order: order, countOnly: true));
            await Same(Range("a", "z", limit: limit, target: target, order: order, minMod: Start + 5));
            await Same(Range("a", "z", limit: limit, target: target, order: order, revision: Start + 6));
        }
    }

    [Fact]
    public async Task A_sort_target_without_an_order_sorts_only_what_the_limit_fetched()
    {
        await PutAll(("a", "3"), ("b", "2"), ("c", "1"));
        var answer = await Same(Range("a", "z", limit: 1, target: SortTarget.Value));
        // The smallest of the first two keys, not of all three: limit + 1 keys are fetched, then sorted.
        Assert.Equal(["b"], Keys(answer));
    }

    [Fact]
    public async Task Ties_in_a_descending_sort_by_key_do_not_exist()
    {
        await PutAll("a", "b", "c");
        Assert.Equal(["c", "b", "a"], Keys(await Same(Range("a", "z", order: SortOrder.Descend))));
    }

    [Fact]
    public async Task An_unknown_sort_order_or_target_is_refused()
    {
        // Granary only: 3.5 leaves an unknown order unsorted and panics on an unknown target; 3.6 refuses both.
        await ErrorOfGranary(Expected.InvalidSortOption, Range("a", "z", order: (SortOrder)3));
        await ErrorOfGranary(Expected.InvalidSortOption, Range("a", "z", order: (SortOrder)(-1)));
        await ErrorOfGranary(Expected.InvalidSortOption, Range("a", "z", target: (SortTarget)5));
        await ErrorOfGranary(Expected.InvalidSortOption, Range("a", "z", target: (SortTarget)(-1), countOnly: true));
        await ErrorOfGranary(Expected.EmptyKey, Range("", "z", target: (SortTarget)5));
        await ErrorOfGranary(Expected.InvalidSortOption, Txn(then: [Range("a", order: (SortOrder)9)]));
        await ErrorOfGranary(Expected.InvalidSortOption, Txn(otherwise: [Range("a", target: (SortTarget)9)]));
    }

    [Fact]
    public async Task Revision_filters_are_inclusive_and_leave_the_count_alone()
    {
        await PutAll("a", "b", "c", "a", "d", "b");
        for (var offset = 0; offset <= 7; offset++)
        {
            var revision = Start + offset;
            foreach (var limit in new[] { 0, 1, 2 })
            {
                await Same(Range("a", "z", limit: limit, minMod: revision));
                await Same(Range("a", "z", limit: limit, maxMod: revision));
                await Same(Range("a", "z", limit: limit, minCreate: revision));
                await Same(Range("a", "z", limit: limit, maxCreate: revision));
            }

            await Same(Range("a", "z", minMod: revision, maxMod: revision));
            await Same(Range("a", "z", minCreate: revision, maxCreate: revision + 1, order: SortOrder.Descend));
            await Same(Range("a", "z", minMod: revision, maxCreate: revision, countOnly: true));
        }

        Assert.Equal(4, (await Same(Range("a", "z", minMod: Start + 6))).Count);
    }

    [Fact]
    public async Task A_negative_upper_filter_removes_everything_and_a_negative_lower_one_nothing()
    {
        await PutAll("a", "b");
        Assert.Empty((await Same(Range("a", "z", maxMod: -1))).Kvs);
        Assert.Empty((await Same(Range("a", "z", maxCreate: -1))).Kvs);
        Assert.Equal(2, (await Same(Range("a", "z", minMod: -1))).Kvs.Count);
        Assert.Equal(2, (await Same(Range("a", "z", minCreate: -1))).Kvs.Count);
        await Same(Range("a", "z", limit: 1, minCreate: -1));
    }

    [Fact]
    public async Task Count_only_counts_everything_and_returns_nothing()
    {
        await PutAll("a", "b", "c");
        var answer = await Same(Range("a", "z", limit: 1, countOnly: true, maxMod: 1, order: SortOrder.Descend, target: SortTarget.Value));
        Assert.Equal((3L, 0, false), (answer.Count, answer.Kvs.Count, answer.More));
        await Same(Range("a", countOnly: true));
        await Same(Range("missing", countOnly: true));
        await Same(Range("a", "z", countOnly: true, keysOnly: true));
        await Same(Range("a", "z", countOnly: true, revision: Start + 1));
    }

    [Fact]
    public async Task Keys_only_leaves_out_nothing_but_the_values_and_can_sort_by_them()
    {
        await PutAll(("a", "3"), ("b", "1"), ("c", "2"));
        var answer = await Same(Range("a", "z", keysOnly: true, order: SortOrder.Ascend, target: SortTarget.Value));
        Assert.Equal(["b", "c", "a"], Keys(answer));
        Assert.All(answer.Kvs, kv => Assert.True(kv.Value.IsEmpty));
    }

    [Fact]
    public async Task An_old_revision_is_read_as_it_was_under_the_current_header()
    {
        await PutAll(("a", "1"), ("b", "1"), ("a", "2"));
        await Same(Delete("b"));
        await PutAll(("b", "3"), ("c", "1"));
        for (var revision = Start; revision <= Start + 6; revision++)
        {
            var answer = await Same(Everything(revision));
            Assert.Equal(Start + 6, answer.Header.Revision);
            await Same(Range("a", revision: revision));
            await Same(Range("b", revision: revision));
            await Same(Range("a", "z", revision: revision, limit: 1));
            await Same(Range("a", "z", revision: revision, countOnly: true));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(long.MinValue)]
    public async Task A_revision_of_zero_or_less_means_now(long revision)
    {
        await PutAll(("a", "1"), ("a", "2"));
        Assert.Equal("2", (await Same(Range("a", revision: revision))).Kvs[0].Value.ToStringUtf8());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(1L << 40)]
    public async Task A_future_revision_is_refused(long ahead)
    {
        await Same(Put("a"));
        await SameError(Expected.FutureRevision, Range("a", revision: Start + 1 + ahead));
        await SameError(Expected.FutureRevision, Range("a", "z", revision: Start + 1 + ahead, countOnly: true));
        await SameError(Expected.FutureRevision, Range("missing", revision: Start + 1 + ahead, serializable: true));
    }

    [Fact]
    public async Task The_highest_revision_there_can_be_is_a_future_one() =>
        await SameError(Expected.FutureRevision, Range("a", revision: long.MaxValue));

    [Fact]
    public async Task The_compacted_revision_can_be_read_and_the_one_before_not()
    {
        await PutAll("a", "b", "a");
        await Same(Compact(Start + 2));
        await Same(Everything(Start + 2));
        await SameError(Expected.Compacted, Everything(Start + 1));
        await SameError(Expected.Compacted, Range("missing", revision: Start + 1));
        await SameError(Expected.Compacted, Range("a", revision: 1));
        await SameError(Expected.Compacted, Range("a", "z", revision: Start + 1, countOnly: true, serializable: true));
    }

    [Fact]
    public async Task A_serializable_read_answers_alike()
    {
        await PutAll("a", "b");
        await Same(Range("a", "z", serializable: true));
        await Same(Range("a", "z", serializable: true, limit: 1, revision: Start + 1));
    }

    [Fact]
    public async Task Pages_by_limit_at_one_revision_make_up_the_whole()
    {
        foreach (var i in Enumerable.Range(0, 25))
        {
            await Same(Put($"k{i:00}", $"{i}"));
        }

        var from = "k";
        var seen = new List<string>();
        bool more;
        do
        {
            var page = await Same(Range(from, "l", limit: 10, revision: Start + 25));
            seen.AddRange(Keys(page));
            from = seen[^1] + "\0";
            more = page.More;
            await Same(Put("k99", "written between pages"));
        }
        while (more);

        Assert.Equal(Enumerable.Range(0, 25).Select(i => $"k{i:00}"), seen);
    }

    private static IEnumerable<string> Keys(RangeResponse answer) =>
        answer.Kvs.Select(kv => System.Text.Encoding.Latin1.GetString(kv.Key.Span));

    private Task PutAll(params string[] keys) => PutAll([.. keys.Select((key, i) => (key, $"{i}"))]);

    private async Task PutAll(params (string Key, string Value)[] writes)
    {
        foreach (var (key, value) in writes)
        {
            await Same(Put(key, value));
        }
    }
}
