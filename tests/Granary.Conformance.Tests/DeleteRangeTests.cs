using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

public sealed class DeleteRangeTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Deleting_nothing_is_a_success_without_a_revision()
    {
        await Same(Put("b"));
        foreach (var request in new[]
        {
            Delete("a"), Delete("a", prevKv: true), Delete("c", "d"), Delete("c", "\0", prevKv: true), Delete("b", "b"), Delete("c", "a"),
        })
        {
            var answer = await Same(request);
            Assert.Equal((0L, Start + 1), (answer.Deleted, answer.Header.Revision));
        }

        Assert.Equal(1, (await Same(Everything())).Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    [InlineData("z")]
    public async Task An_empty_key_is_refused_whatever_the_range_end(string end)
    {
        await Same(Put("a"));
        await SameError(Expected.EmptyKey, Delete("", end));
        await SameError(Expected.EmptyKey, Delete("", end, prevKv: true));
        Assert.Equal(1, (await Same(Everything())).Count);
    }

    [Theory]
    [InlineData("b", "", 1)]
    [InlineData("b", "d", 2)]
    [InlineData("b", "\0", 4)]
    [InlineData("\0", "\0", 5)]
    [InlineData("\0", "\0\0", 0)]
    [InlineData("b", "b\0", 1)]
    [InlineData("b", "c\0", 2)]
    [InlineData("\u00ff", "\0", 1)]
    public async Task All_keys_of_a_range_go_in_one_revision_and_come_back_in_key_order(string key, string end, int deleted)
    {
        foreach (var name in new[] { "d", "a", "c", "\u00ff", "b" })
        {
            await Same(Put(name, "of " + name));
        }

        var answer = await Same(Delete(key, end, prevKv: true));
        Assert.Equal((deleted, deleted), ((int)answer.Deleted, answer.PrevKvs.Count));
        Assert.Equal(Start + (deleted > 0 ? 6 : 5), answer.Header.Revision);
        await Same(Everything());
        await Same(Everything(Start + 5));
    }

    [Fact]
    public async Task The_deleted_pairs_are_returned_only_when_asked_for()
    {
        await Same(Put("a"));
        await Same(Put("b"));
        Assert.Empty((await Same(Delete("a", "z"))).PrevKvs);
    }

    [Fact]
    public async Task A_deleted_key_is_gone_from_its_revision_on_and_there_before()
    {
        await Same(Put("a", "1"));
        await Same(Delete("a"));
        Assert.Equal(0, (await Same(Range("a"))).Count);
        Assert.Equal(0, (await Same(Range("a", revision: Start + 2))).Count);
        Assert.Equal(1, (await Same(Range("a", revision: Start + 1))).Count);
        Assert.Equal(0, (await Same(Delete("a"))).Deleted);
    }
}
