using CsCheck;
using Google.Protobuf;
using Granary.Model;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.RangeRequest.Types;
using RequestGen = Granary.Model.RandomRequests;

namespace Granary.Conformance.Tests;

/// <summary>Random sequences of every request with every option, the same to both, and in the end the whole history of both.</summary>
public sealed class RandomSequenceTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    // Revisions that requests name are small numbers, behind the revision at which a sequence starts.
    private const int RequestsPerSequence = 40;

    private static readonly Gen<IMessage> Request = Gen.Frequency(
        (6, RequestGen.Write),
        (5, RequestGen.Range.Select(range => (IMessage)range)),
        (1, Gen.Long[-2, 30].Select(revision => (IMessage)new CompactionRequest { Revision = revision })));

    private static TimeSpan Time => TimeSpan.FromSeconds(
        double.TryParse(Environment.GetEnvironmentVariable("GRANARY_RANDOM_SECONDS"), out var seconds) ? seconds : 75);

    [Fact]
    public async Task Random_sequences_get_the_same_answers_and_leave_the_same_history()
    {
        var sequences = 0;
        await Request.Array[RequestsPerSequence].SampleAsync(
            async requests =>
            {
                var first = await Pair.Level(Cancellation);
                foreach (var request in requests)
                {
                    await SameAnswer(Prepared(request, first));
                }

                var current = (await Same(Everything())).Header.Revision;
                for (var revision = first - 1; revision <= current + 1; revision++)
                {
                    await SameAnswer(Everything(revision));
                }

                sequences++;
            },
            time: (int)Time.TotalSeconds,
            threads: 1,
            print: requests => string.Join('\n', requests.Select(Rendering.Of)));
        TestContext.Current.TestOutputHelper!.WriteLine($"{sequences} sequences of {RequestsPerSequence} requests");
        Assert.True(sequences > 0);
    }

    /// <summary>
    /// A copy in which small revisions count from where the sequence starts, and without what has no one answer: an order with
    /// ties, and, in a txn, an open-ended delete beside puts, which etcd 3.5 lets through and later dies of (see the pitfalls).
    /// </summary>
    private static IMessage Prepared(IMessage request, long first)
    {
        switch (request)
        {
            case RangeRequest range:
                range = range.Clone();
                range.Revision += range.Revision > 0 ? first : 0;
                range.MinModRevision = Moved(range.MinModRevision, first);
                range.MaxModRevision = Moved(range.MaxModRevision, first);
                range.MinCreateRevision = Moved(range.MinCreateRevision, first);
                range.MaxCreateRevision = Moved(range.MaxCreateRevision, first);
                if (range.SortTarget != SortTarget.Key && !range.RangeEnd.IsEmpty)
                {
                    // One revision may hold several keys: only keys never tie.
                    range.SortTarget = SortTarget.Key;
                }

                return range;
            case CompactionRequest compaction:
                return new CompactionRequest { Revision = compaction.Revision + first };
            case TxnRequest txn:
                txn = txn.Clone();
                foreach (var compare in txn.Compare)
                {
                    switch (compare.TargetUnionCase)
                    {
                        case Compare.TargetUnionOneofCase.CreateRevision:
                            compare.CreateRevision = Moved(compare.CreateRevision, first);
                            break;
                        case Compare.TargetUnionOneofCase.ModRevision:
                            compare.ModRevision = Moved(compare.ModRevision, first);
                            break;
                    }
                }

                foreach (var op in txn.Success.Concat(txn.Failure))
                {
                    if (op.RequestRange is { } read)
                    {
                        op.RequestRange = (RangeRequest)Prepared(read, first);
                    }
                    else if (op.RequestTxn is { } nested)
                    {
                        op.RequestTxn = (TxnRequest)Prepared(nested, first);
                    }
                    else if (op.RequestDeleteRange is { RangeEnd: [0] } open)
                    {
                        open.RangeEnd = Bytes("\u00ff\u00ff\u00ff");
                    }
                }

                return txn;
            default:
                return request;
        }
    }

    private static long Moved(long revision, long by) => revision is 0 or long.MaxValue ? revision : revision + by;
}
