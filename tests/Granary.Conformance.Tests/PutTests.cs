using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

public sealed class PutTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Every_put_makes_a_revision_and_a_version_even_with_the_same_value()
    {
        for (var i = 1; i <= 3; i++)
        {
            var answer = await Same(Put("a", "same"));
            Assert.Equal(Start + i, answer.Header.Revision);
            Assert.Equal(i, (await Same(Range("a"))).Kvs[0].Version);
        }
    }

    [Fact]
    public async Task An_empty_key_is_refused_before_anything_else()
    {
        await SameError(Expected.EmptyKey, Put(""));
        await SameError(Expected.EmptyKey, Put("", lease: 77, prevKv: true));
        await SameError(Expected.EmptyKey, Put("", ignoreValue: true));
        await SameError(Expected.EmptyKey, Put("", ignoreLease: true, lease: 5));
        Assert.Equal(Start, (await Same(Everything())).Header.Revision);
    }

    [Fact]
    public async Task A_provided_value_is_noticed_before_a_provided_lease()
    {
        await SameError(Expected.ValueProvided, Put("a", "v", ignoreValue: true));
        await SameError(Expected.LeaseProvided, Put("a", "", lease: 5, ignoreLease: true));
        await SameError(Expected.ValueProvided, Put("a", "v", lease: 5, ignoreValue: true, ignoreLease: true));
        await SameError(Expected.LeaseProvided, Put("a", "", lease: 5, ignoreValue: true, ignoreLease: true));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Ignoring_what_a_missing_key_has_is_refused(bool ignoreValue, bool ignoreLease)
    {
        var value = ignoreValue ? "" : "v";
        await SameError(Expected.KeyNotFound, Put("a", value, ignoreValue: ignoreValue, ignoreLease: ignoreLease));
        await Same(Put("a"));
        await Same(Delete("a"));
        await SameError(Expected.KeyNotFound, Put("a", value, ignoreValue: ignoreValue, ignoreLease: ignoreLease, prevKv: true));
        Assert.Equal(Start + 2, (await Same(Everything())).Header.Revision);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Ignoring_what_a_key_has_keeps_it_and_makes_a_revision(bool ignoreValue, bool ignoreLease)
    {
        await Same(Put("a", "old"));
        await Same(Put("a", ignoreValue ? "" : "new", ignoreValue: ignoreValue, ignoreLease: ignoreLease, prevKv: true));
        var kv = (await Same(Range("a"))).Kvs[0];
        Assert.Equal((ignoreValue ? "old" : "new", 2L), (kv.Value.ToStringUtf8(), kv.Version));
    }

    [Fact]
    public async Task Ignoring_an_empty_value_keeps_it_empty()
    {
        await Same(Put("a", ""));
        await Same(Put("a", "", ignoreValue: true, prevKv: true));
        await Same(Range("a"));
    }

    [Fact]
    public async Task Without_ignoring_an_empty_value_replaces_the_old_one()
    {
        await Same(Put("a", "old"));
        await Same(Put("a", "", prevKv: true));
        Assert.True((await Same(Range("a"))).Kvs[0].Value.IsEmpty);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task A_lease_that_does_not_exist_is_refused_and_nothing_is_written(long lease)
    {
        await SameError(Expected.LeaseNotFound, Put("a", lease: lease));
        await SameError(Expected.LeaseNotFound, Put("a", lease: lease, prevKv: true));
        Assert.Equal(Start, (await Same(Everything())).Header.Revision);
    }

    [Fact]
    public async Task A_missing_lease_is_noticed_before_a_missing_key() =>
        await SameError(Expected.LeaseNotFound, Put("missing", "", lease: 7, ignoreValue: true));

    [Fact]
    public async Task The_previous_pair_is_absent_for_a_new_key_and_whole_for_an_old_one()
    {
        Assert.Null((await Same(Put("a", "1", prevKv: true))).PrevKv);
        Assert.Equal("1", (await Same(Put("a", "2", prevKv: true))).PrevKv.Value.ToStringUtf8());
        Assert.Null((await Same(Put("a", "3"))).PrevKv);
        await Same(Delete("a"));
        Assert.Null((await Same(Put("a", "4", prevKv: true))).PrevKv);
    }

    [Fact]
    public async Task A_key_put_again_after_its_delete_starts_anew_and_its_old_life_stays_readable()
    {
        await Same(Put("a", "1"));
        await Same(Put("a", "2"));
        await Same(Delete("a"));
        await Same(Put("a", "3"));
        var kv = (await Same(Range("a"))).Kvs[0];
        Assert.Equal((Start + 4, Start + 4, 1L), (kv.CreateRevision, kv.ModRevision, kv.Version));
        for (var revision = Start; revision <= Start + 4; revision++)
        {
            await Same(Range("a", revision: revision));
        }
    }

    [Theory]
    [InlineData("\0")]
    [InlineData("\0\0")]
    [InlineData("\u00ff")]
    [InlineData("a\0")]
    [InlineData("/")]
    [InlineData(" ")]
    [InlineData("\u0080\u0081\u00fe")]
    public async Task Any_bytes_are_a_key_and_a_value(string bytes)
    {
        await Same(Put(bytes, bytes));
        await Same(Put(bytes, bytes + bytes, prevKv: true));
        Assert.Equal(1, (await Same(Range(bytes))).Count);
        await Same(Delete(bytes, prevKv: true));
        Assert.Equal(0, (await Same(Everything())).Count);
    }
}
