using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

public sealed class CompactTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_same_or_an_older_revision_is_already_compacted(bool physical)
    {
        await Same(Put("a"));
        await Same(Put("a"));
        await Same(Compact(Start + 1, physical));
        await SameError(Expected.Compacted, Compact(Start + 1, physical));
        await SameError(Expected.Compacted, Compact(Start, physical));
        await SameError(Expected.Compacted, Compact(0, physical));
        await SameError(Expected.Compacted, Compact(-1, physical));
        await SameError(Expected.Compacted, Compact(long.MinValue, physical));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_future_revision_is_refused(bool physical)
    {
        await Same(Put("a"));
        await SameError(Expected.FutureRevision, Compact(Start + 2, physical));
        await SameError(Expected.FutureRevision, Compact(long.MaxValue, physical));
        await Same(Everything(Start));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_current_revision_can_be_compacted_and_stays(bool physical)
    {
        await Same(Put("a", "1"));
        await Same(Put("a", "2"));
        Assert.Equal(Start + 2, (await Same(Compact(Start + 2, physical))).Header.Revision);
        await Same(Everything());
        await Same(Everything(Start + 2));
        await SameError(Expected.Compacted, Everything(Start + 1));
        Assert.Equal(Start + 3, (await Same(Put("a", "3"))).Header.Revision);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_visible_at_or_after_the_compacted_revision_stays_readable(bool physical)
    {
        await Same(Put("kept", "1"));
        await Same(Put("rewritten", "1"));
        await Same(Put("rewritten", "2"));
        await Same(Put("deleted", "1"));
        await Same(Delete("deleted"));
        await Same(Put("reborn", "1"));
        await Same(Delete("reborn"));
        await Same(Put("reborn", "2"));
        await Same(Put("rewritten", "3"));
        await Same(Put("later", "1"));
        await Same(Delete("kept"));

        for (var compacted = Start + 1; compacted <= Start + 11; compacted++)
        {
            await Same(Compact(compacted, physical));
            await SameError(Expected.Compacted, Everything(compacted - 1));
            for (var revision = compacted; revision <= Start + 11; revision++)
            {
                await Same(Everything(revision));
                await Same(Range("reborn", revision: revision));
            }
        }
    }

    [Fact]
    public async Task A_compaction_at_a_delete_shows_the_key_gone()
    {
        await Same(Put("a"));
        await Same(Delete("a"));
        await Same(Put("b"));
        await Same(Compact(Start + 2, physical: true));
        Assert.Equal(0, (await Same(Everything(Start + 2))).Count);
        Assert.Equal(1, (await Same(Everything(Start + 3))).Count);
    }

    [Fact]
    public async Task A_key_deleted_and_compacted_away_starts_anew()
    {
        await Same(Put("a"));
        await Same(Put("a"));
        await Same(Delete("a"));
        await Same(Compact(Start + 3, physical: true));
        await Same(Put("a", prevKv: true));
        var kv = (await Same(Range("a"))).Kvs[0];
        Assert.Equal((Start + 4, 1L), (kv.CreateRevision, kv.Version));
    }

    [Fact]
    public async Task Create_revisions_and_versions_outlive_the_compaction_of_what_they_count()
    {
        await Same(Put("a", "1"));
        await Same(Put("a", "2"));
        await Same(Put("a", "3"));
        await Same(Compact(Start + 3, physical: true));
        var kv = (await Same(Put("a", "4", prevKv: true))).PrevKv;
        Assert.Equal((Start + 1, 3L), (kv.CreateRevision, kv.Version));
        await Same(Range("a"));
    }

    [Fact]
    public async Task A_store_without_a_key_can_be_compacted_again_and_again()
    {
        for (var i = 1; i <= 5; i++)
        {
            await Same(Put("a"));
            await Same(Delete("a"));
            await Same(Compact(Start + (2 * i), physical: i % 2 == 0));
            Assert.Equal(Start + (2 * i), (await Same(Everything())).Header.Revision);
        }
    }

    [Fact]
    public async Task After_a_put_and_a_delete_of_one_key_at_one_revision_were_compacted_there_the_key_is_gone()
    {
        await Same(Put("a", "0"));
        await Same(Txn(then: [Put("a", "1"), Delete("a", "\0")]));
        await Same(Put("z"));
        await Same(Compact(Start + 2, physical: true));
        Assert.Equal(0, (await Same(Range("a", revision: Start + 2))).Count);
        Assert.Equal(0, (await Same(Range("a"))).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pitfall_own_find_a_delete_and_a_put_of_one_key_at_one_revision_compacted_there_leave_the_put(bool physical)
    {
        // etcd 3.5.30 dies of this: its index keeps the entry and its store has dropped the record. Ours keys entries by
        // (revision, sub) and keeps the last entry of the compacted revision. Not asked of etcd, hence the expected values.
        await Same(Put("a", "0"));
        if (!Subject.IsGranary)
        {
            return;
        }

        var answer = await OnSubject(Txn(then: [Delete("a", "\0"), Put("a", "1")]));
        Assert.Equal(Start + 2, ((TxnResponse)answer.Message!).Header.Revision);
        await OnSubject(Compact(Start + 2, physical));
        foreach (var revision in new[] { 0, Start + 2 })
        {
            var kv = Assert.Single(((RangeResponse)(await OnSubject(Range("a", revision: revision))).Message!).Kvs);
            Assert.Equal(("1", Start + 2, Start + 2, 1L), (kv.Value.ToStringUtf8(), kv.CreateRevision, kv.ModRevision, kv.Version));
        }

        var previous = ((PutResponse)(await OnSubject(Put("a", "2", prevKv: true))).Message!).PrevKv;
        Assert.Equal(("1", 1L), (previous.Value.ToStringUtf8(), previous.Version));
    }

    private Task<Answer> OnSubject(Google.Protobuf.IMessage request) => Calls.Ask(Pair.Subject, request, Cancellation);
}
