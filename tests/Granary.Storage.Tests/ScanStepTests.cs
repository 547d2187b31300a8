using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;

namespace Granary.Storage.Tests;

/// <summary>A scan can be left in bounded time also where hardly anything of what is stored is a pair of the state that it reads.</summary>
public sealed class ScanStepTests : IDisposable
{
    private const int Keys = 5000;
    private const int EntriesPerStep = 100;

    private static readonly RangeRequest Everything = new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };

    private readonly Replica _replica = new(new MemoryStore());
    private readonly AppliedLog _log;

    public ScanStepTests() => _log = new AppliedLog(_replica);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Over_pairs_that_are_deleted_and_have_not_left_the_store()
    {
        PutAll();
        _log.Write(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") }, Stop);
        Assert.True(_replica.HasDeferred);
        MustYield(0, 0);
    }

    [Fact]
    public void Over_pairs_that_are_newer_than_the_revision()
    {
        PutAll();
        MustYield(1, 0);
    }

    [Fact]
    public void Over_pairs_that_were_put_and_superseded_behind_the_revision()
    {
        PutAll();
        PutAll();
        MustYield(1, 0);
    }

    [Fact]
    public void Over_pairs_that_were_deleted_before_the_revision()
    {
        PutAll();
        _log.Write(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") }, Stop);
        while (_replica.HasDeferred)
        {
            _replica.ApplyDeferred();
            _replica.Publish();
        }

        _log.Write(new PutRequest { Key = ByteString.CopyFromUtf8("z") }, Stop);
        MustYield(_replica.State.Revision - 1, 0);
    }

    public void Dispose() => _replica.Dispose();

    private void MustYield(long revision, long expectedCount)
    {
        using var view = _replica.View();
        var request = Everything.Clone();
        request.Revision = revision;
        using var evaluation = new RangeEvaluation(request, view);
        var steps = 1;
        while (!evaluation.Step(EntriesPerStep))
        {
            steps++;
        }

        Assert.Equal(expectedCount, evaluation.Response().Count);
        Assert.True(steps >= Keys / EntriesPerStep, $"{Keys} entries were looked at in {steps} steps");

        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        using var cursor = view.Scan(KeyRange.All, revision > 0 ? revision : view.Revision);
        Assert.Throws<OperationCanceledException>(() => cursor.MoveNext(cancelled.Token));
    }

    private void PutAll()
    {
        for (var first = 0; first < Keys; first += 1000)
        {
            var puts = Enumerable.Range(first, 1000).Select(i => new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"k{i:D5}") } });
            _log.Write(new TxnRequest { Success = { puts } }, Stop);
        }
    }
}
