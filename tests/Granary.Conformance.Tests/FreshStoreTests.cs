using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Compare.Types;

namespace Granary.Conformance.Tests;

/// <summary>What can be seen only on a store that was never written to or never compacted: each test starts its own pair.</summary>
public sealed class FreshStoreTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_fresh_store_is_at_revision_one_and_the_first_write_makes_two()
    {
        await using var pair = await FreshPair();
        foreach (var request in new Google.Protobuf.IMessage[]
        {
            Everything(), Everything(1), Everything(2), Everything(-1), Range("", "\0"), Range("a", revision: 1),
            Delete("\0", "\0"), Delete("a", prevKv: true), Txn(), Txn(then: [Range("a")]), Txn(when: [Version("a", CompareResult.Equal, 0)]),
            Put("a"), Everything(), Everything(1), Everything(2), Everything(3),
        })
        {
            var (etcd, subject) = await pair.Ask(request, Cancellation);
            Assert.True(etcd == subject, $"{Rendering.Of(request)}\netcd:    {etcd}\nsubject: {subject}");
        }

        var (_, first) = await pair.Ask(Everything(), Cancellation);
        Assert.Equal(2, ((RangeResponse)first.Message!).Kvs[0].ModRevision);
    }

    [Fact]
    public async Task Before_the_first_compaction_negative_revisions_are_no_errors_in_a_txn_and_zero_can_be_compacted_once()
    {
        await using var pair = await FreshPair();
        var answers = new List<Answer>();
        foreach (var request in new Google.Protobuf.IMessage[]
        {
            Put("a", "1"), Put("a", "2"), Everything(-1), Everything(1),
            Txn(then: [Range("a", revision: -1)]), Txn(then: [Range("a", revision: -2)]), Compact(-1), Compact(-2), Compact(0), Compact(0),
            Compact(-1), Everything(1), Everything(-1), Txn(then: [Range("a", revision: -1)]), Txn(then: [Range("a", revision: 1)]),
            Compact(1, physical: true), Compact(1), Everything(1), Compact(3), Everything(2), Everything(3),
        })
        {
            var (etcd, subject) = await pair.Ask(request, Cancellation);
            Assert.True(etcd == subject, $"{Rendering.Of(request)}\netcd:    {etcd}\nsubject: {subject}");
            answers.Add(subject);
        }

        Assert.Equal(Expected.Compacted.Text, answers[9].Text);
        Assert.Equal(Expected.Compacted.Text, answers[13].Text);
    }

    private static async Task<Pair> FreshPair()
    {
        var pair = new DefaultPair();
        await pair.InitializeAsync();
        return pair;
    }
}
