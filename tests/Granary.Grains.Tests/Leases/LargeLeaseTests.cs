using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Grains.Tests.Leases;

/// <summary>A lease of very many keys: no batch looks through all of them, also when they have been deleted and are still on their way out of the store.</summary>
public sealed class LargeLeaseTests
{
    private const int Keys = 10_000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_revocation_right_behind_a_deletion_of_its_keys_is_decided_beside_the_batches_and_deletes_nothing_twice()
    {
        using var store = new ReplicatedModel(listedDeletions: 100);
        store.Write(new LeaseGrantRequest { ID = 7, TTL = 100 });
        var txn = new TxnRequest();
        for (var i = 0; i < Keys; i++)
        {
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Key(i), Lease = 7 } });
        }

        store.Write(txn);
        store.Write(new DeleteRangeRequest { Key = Key(0), RangeEnd = Key(99_999) });
        Assert.True(store.Replica.HasDeferred);

        using var view = store.Replica.View();
        Assert.Equal(0, view.CountAttached(7, Stop).Count);
        var revoke = new LeaseRevokeRequest { ID = 7 };
        Assert.Throws<LargeDeletionException>(() => new BatchEvaluation(view, decidesLarge: false).Revoke(revoke, Stop));
        var beside = new BatchEvaluation(view, decidesLarge: true);
        beside.Revoke(revoke, Stop);
        Assert.Empty(beside.Commits);
        Assert.Equal((7, 0), (Assert.Single(beside.LeaseChanges).Id, beside.LeaseChanges[0].TtlSeconds));
    }

    [Fact]
    public void What_deletes_the_keys_of_a_lease_says_which_range_they_are_in()
    {
        using var store = new ReplicatedModel(listedDeletions: 100);
        store.Write(new LeaseGrantRequest { ID = 7, TTL = 100 });
        for (var i = 0; i < 500; i++)
        {
            store.Write(new PutRequest { Key = Key(i), Lease = i is >= 50 and < 450 ? 7 : 0 });
        }

        using var view = store.Replica.View();
        var evaluation = new BatchEvaluation(view, decidesLarge: true, listedDeletions: 100);
        evaluation.Revoke(new LeaseRevokeRequest { ID = 7 }, Stop);
        var bulk = Assert.Single(Assert.Single(evaluation.Commits)).Bulk!;
        Assert.Equal((400, new KeyRange(Key(50), KeyRange.Successor(Key(449)))), (bulk.Count, bulk.Within));
    }

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key/{number:D5}");
}
