using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Mvcc.Tests;

public sealed class BatchEvaluationTests
{
    [Fact]
    public void Batches_of_random_writes_answer_and_change_what_the_model_does_one_by_one() =>
        Gen.Select(RandomRequests.Write.Array[1, 4].Array[1, 6], Gen.Long[0, 12].Array[6]).Sample((batches, compactions) =>
        {
            var model = new ModelStore();
            for (var i = 0; i < batches.Length; i++)
            {
                var evaluation = new BatchEvaluation(new ModelView(model));
                var answers = batches[i].Select(request => Outcome.Of(() => evaluation.Write(request, Caller.Server, default))).ToList();
                var first = model.Revision + 1;
                var before = model.History.Count;
                for (var j = 0; j < batches[i].Length; j++)
                {
                    var request = batches[i][j];
                    var expected = Outcome.Of(() => model.Write(request));
                    if (answers[j] != expected && RandomRequests.NamesRevision(request, first, model.Revision))
                    {
                        // Nobody can know that revision yet, so within the batch it is still in the future.
                        Assert.Equal(Errors.EtcdError.FutureRevision.Text, answers[j]);
                        return;
                    }

                    Assert.Equal(expected, answers[j]);
                }

                Assert.Equal(first, evaluation.FirstRevision);
                Assert.Equal(
                    model.History.Skip(before).Select(change => (change.Revision, change.Key, change.Pair?.ToString())),
                    evaluation.Commits.SelectMany(commit => commit)
                        .Select(effect => (effect.Pair.ModRevision, effect.Pair.Key, effect.IsDelete ? null : effect.Pair.ToString())));
                Outcome.Of(() =>
                {
                    model.Compact(compactions[i]);
                    return new CompactionResponse();
                });
            }
        }, iter: 2000);

    [Fact]
    public void Deletions_that_name_no_key_one_by_one_answer_as_others_do_whatever_their_batch_did_before() =>
        Gen.Select(RandomRequests.Write.Array[0, 12], RandomRequests.Write.Array[1, 8], Gen.Int[0, 2]).Sample((past, batch, listed) =>
        {
            var model = new ModelStore();
            foreach (var request in past)
            {
                Outcome.Of(() => model.Write(request));
            }

            var first = model.Revision + 1;
            var evaluation = new BatchEvaluation(new ModelView(model), listedDeletions: listed);
            foreach (var request in batch)
            {
                if (!RandomRequests.NamesRevision(request, first, long.MaxValue))
                {
                    Assert.Equal(Outcome.Of(() => model.Write(request)), Outcome.Of(() => evaluation.Write(request, Caller.Server, default)));
                }
            }

            Assert.Equal(model.History.Count(change => change.Revision >= first), evaluation.ChangeCount);
            Assert.All(
                evaluation.Commits.SelectMany(commit => commit).GroupBy(effect => effect.Pair.ModRevision),
                commit => Assert.Equal(model.History.Count(change => change.Revision == commit.Key), commit.Sum(effect => effect.Count)));
        }, iter: 2000);

    [Fact]
    public void A_deletion_of_large_values_names_no_key_and_holds_no_value()
    {
        var model = new ModelStore();
        for (var i = 0; i < 9; i++)
        {
            model.Write(new PutRequest { Key = ByteString.CopyFromUtf8("k" + i), Value = ByteString.CopyFrom(new byte[1000]) });
        }

        var delete = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") };
        var evaluation = new BatchEvaluation(new ModelView(model), listedBytes: 5000);
        Assert.Equal(9, evaluation.DeleteRange(delete, TestContext.Current.CancellationToken).Deleted);
        Assert.Equal((9, 0), (Assert.Single(Assert.Single(evaluation.Commits)).Bulk?.Count, evaluation.SupersededBytes));
        Assert.Throws<LargeDeletionException>(() => new BatchEvaluation(new ModelView(model), decidesLarge: false, listedBytes: 5000).DeleteRange(delete, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Effects_name_the_pair_that_they_supersede() =>
        RandomRequests.Write.Array[1, 12].Sample(requests =>
        {
            var model = new ModelStore();
            var evaluation = new BatchEvaluation(new ModelView(model));
            var newest = new Dictionary<ByteString, string>();
            foreach (var request in requests)
            {
                Outcome.Of(() => evaluation.Write(request, Caller.Server, default));
            }

            foreach (var effect in evaluation.Commits.SelectMany(commit => commit))
            {
                Assert.Equal(newest.GetValueOrDefault(effect.Pair.Key), effect.Previous?.ToString());
                Assert.Equal(effect.Previous?.ModRevision ?? 0, effect.PreviousModRevision);
                if (effect.IsDelete)
                {
                    newest.Remove(effect.Pair.Key);
                }
                else
                {
                    newest[effect.Pair.Key] = effect.Pair.ToString();
                }
            }
        }, iter: 1000);

    [Fact]
    public void A_batch_that_the_log_puts_further_behind_answers_as_if_it_had_been_decided_there() =>
        Gen.Select(RandomRequests.Write.Array[1, 4], RandomRequests.Write.Array[1, 5], Gen.Int[1, 5]).Sample((past, batch, others) =>
        {
            // Others write a key outside of what requests can name by their key, so only revisions can tell the difference.
            batch = [.. batch.Where(request => !ReadsBeyond(request))];
            var model = new ModelStore();
            foreach (var request in past)
            {
                Outcome.Of(() => model.Write(request));
            }

            var evaluation = new BatchEvaluation(new ModelView(model));
            var answers = batch.Select(request => Answer(evaluation, request)).ToList();
            if (evaluation.ReliesOnFirstRevision)
            {
                return;
            }

            for (var i = 0; i < others; i++)
            {
                model.Write(new PutRequest { Key = ByteString.CopyFromUtf8("other") });
            }

            evaluation.MoveTo(model.Revision + 1);
            for (var i = 0; i < batch.Length; i++)
            {
                var request = batch[i];
                Assert.Equal(Outcome.Of(() => model.Write(request)), answers[i].Error ?? answers[i].Response!.ToString());
            }
        }, iter: 2000);

    [Fact]
    public void A_cancelled_txn_leaves_nothing_in_its_batch()
    {
        var model = new ModelStore();
        for (var i = 0; i < 2100; i++)
        {
            model.Write(new PutRequest { Key = ByteString.CopyFromUtf8("k" + i) });
        }

        var evaluation = new BatchEvaluation(new ModelView(model));
        evaluation.Put(new PutRequest { Key = ByteString.CopyFromUtf8("before") });
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
        var txn = new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("inside") } },
                new RequestOp { RequestRange = all },
            },
        };
        Assert.Throws<OperationCanceledException>(() => evaluation.Txn(txn, cancelled.Token));
        var after = evaluation.Put(new PutRequest { Key = ByteString.CopyFromUtf8("inside"), PrevKv = true });

        Assert.Null(after.PrevKv);
        Assert.Equal(evaluation.FirstRevision + 1, after.Header.Revision);
        Assert.Equal(2, evaluation.Commits.Count);
    }

    private static bool ReadsBeyond(IMessage request) => request switch
    {
        PutRequest or LeaseGrantRequest or LeaseRevokeRequest => false,
        DeleteRangeRequest delete => !delete.RangeEnd.IsEmpty,
        TxnRequest txn => txn.Compare.Any(compare => !compare.RangeEnd.IsEmpty || compare.Target is Compare.Types.CompareTarget.Create or Compare.Types.CompareTarget.Mod)
            || txn.Success.Concat(txn.Failure).Any(op => op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestRange => !op.RequestRange.RangeEnd.IsEmpty || op.RequestRange.Revision != 0 || RangeEvaluation.HasFilter(op.RequestRange),
                RequestOp.RequestOneofCase.RequestPut => false,
                RequestOp.RequestOneofCase.RequestDeleteRange => ReadsBeyond(op.RequestDeleteRange),
                _ => ReadsBeyond(op.RequestTxn),
            }),
        _ => true,
    };

    private static (IMessage? Response, string? Error) Answer(BatchEvaluation evaluation, IMessage request)
    {
        try
        {
            return (evaluation.Write(request, Caller.Server, default), null);
        }
        catch (Errors.EtcdException exception)
        {
            return (null, exception.Message);
        }
    }
}
