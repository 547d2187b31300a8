using System.Globalization;
using CsCheck;
using Google.Protobuf;
using Granary.Conformance.Tests.Compatibility;
using Xunit.Sdk;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>Random sequences of every request with every option, the same to both, and in the end the whole history of both.</summary>
public sealed class RandomSequenceTests(DefaultPair pair) : IClassFixture<DefaultPair>
{
    private const int RequestsPerSequence = 50;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int Seconds =>
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_RANDOM_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : 75;

    [Fact]
    public async Task Random_sequences_get_the_same_answers_and_leave_the_same_history()
    {
        CallNotes.LeaveOut();

        // Sequences that never succeed at anything would agree too: what the servers did is counted.
        var told = new Dictionary<string, int>();
        await RandomOperations.Any.Array[RequestsPerSequence].SampleAsync(
            requests => Sequence(requests, told),
            time: Seconds,
            threads: 1,
            print: requests => string.Join('\n', requests.Select(Rendering.Of)));
        TestContext.Current.TestOutputHelper!.WriteLine(
            string.Join('\n', told.OrderByDescending(entry => entry.Value).Select(entry => $"{entry.Value} × {entry.Key}")));
        Assert.All(
            (string[])[nameof(PutResponse), nameof(RangeResponse), nameof(DeleteRangeResponse), nameof(TxnResponse), nameof(CompactionResponse)],
            kind => Assert.True(told.GetValueOrDefault(kind) > 0, $"no {kind} in {Seconds} s"));
    }

    private async Task Sequence(IMessage[] requests, Dictionary<string, int> told)
    {
        var said = new List<string>();
        var first = await pair.Level(Cancellation);
        var current = first;
        // Revisions in which a key was deleted and put again: 3.5.30 dies of a compaction at exactly such a one (see CompactTests).
        var deadly = new HashSet<long>();
        foreach (var request in requests.Select(request => RandomOperations.From(first, request)))
        {
            if ((request is CompactionRequest compaction && deadly.Contains(compaction.Revision)) || MayDeleteWhatAPutKeeps(request))
            {
                continue;
            }

            var answer = await Same(request);
            var kind = answer.Message?.Descriptor.Name ?? answer.Text;
            told[kind] = told.GetValueOrDefault(kind) + 1;
            if (answer.Message is TxnResponse txn && txn.Header.Revision > current && DeletesAndPuts((TxnRequest)request))
            {
                deadly.Add(txn.Header.Revision);
            }

            current = RevisionOf(answer) ?? current;
        }

        for (var revision = first - 1; revision <= current + 1; revision++)
        {
            await Same(Everything(revision));
        }

        async Task<Answer> Same(IMessage request)
        {
            said.Add(Rendering.Of(request));
            var (etcd, subject) = await pair.Ask(request, Cancellation);
            foreach (var message in new[] { etcd.Message, subject.Message }.OfType<IMessage>())
            {
                Ties.Settle(request, message);
            }

            return etcd == subject
                ? subject
                : throw new XunitException(
                    $"from revision {first}, {said.Count} requests, the last one answered differently:\n{string.Join('\n', said)}\n" +
                    $"etcd:    {etcd}\nsubject: {subject}{pair.LastWords()}");
        }
    }

    private static bool DeletesAndPuts(TxnRequest txn)
    {
        var operations = All(txn).ToList();
        return operations.Any(op => op.RequestDeleteRange is not null) && operations.Any(op => op.RequestPut is not null);
    }

    // The other txn that 3.5.30 dies of (see TxnExecutionTests): only an open-ended delete can meet a put of the same key.
    private static bool MayDeleteWhatAPutKeeps(IMessage request)
    {
        if (request is not TxnRequest txn)
        {
            return false;
        }

        var operations = All(txn).ToList();
        return operations.Any(op => op.RequestDeleteRange?.RangeEnd == Bytes("\0"))
            && operations.Any(op => op.RequestPut is { IgnoreValue: true } or { IgnoreLease: true });
    }

    private static IEnumerable<RequestOp> All(TxnRequest txn) =>
        txn.Success.Concat(txn.Failure).SelectMany(op => op.RequestTxn is { } nested ? All(nested) : [op]);

    private static long? RevisionOf(Answer answer) => answer.Message switch
    {
        PutResponse put => put.Header.Revision,
        DeleteRangeResponse delete => delete.Header.Revision,
        TxnResponse txn => txn.Header.Revision,
        RangeResponse range => range.Header.Revision,
        CompactionResponse compaction => compaction.Header.Revision,
        _ => null,
    };
}
