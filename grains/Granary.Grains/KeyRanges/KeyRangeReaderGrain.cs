using System.Diagnostics;
using Google.Protobuf;
using Granary.Grains.Placement;
using Granary.Grains.Tracing;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.KeyRanges;

/// <summary>Reads from this silo's replica. What is short is read in the turn, what is long goes on beside it, in steps.</summary>
[StatelessWorker, Reentrant, GrainDirectory(HomeDirectory.OfThisSilo)]
internal sealed class KeyRangeReaderGrain(Replica replica, ScanSlots slots) : Grain, IKeyRangeReaderGrain
{
    private const int EntriesPerStep = 256;

    // What a key takes in memory beyond its bytes.
    private const int KeyOverheadBytes = 56;

    // Of one chunk of a stream.
    private const int EntriesPerTurn = 4096;

    public ValueTask<RangeResponse?> Range(RangeRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        using var span = GrainTrace.StartWork("evaluate", GrainTrace.Caller());
        var view = replica.View();
        RangeEvaluation? evaluation = null;
        var goesOn = false;
        try
        {
            EtcdException.ThrowIf(AccessRules.Check(view, caller, request));
            evaluation = new RangeEvaluation(request, view);
            if (evaluation.Step(EntriesPerStep))
            {
                Count(start);
                return new(evaluation.Response());
            }

            goesOn = true;
        }
        finally
        {
            if (!goesOn)
            {
                evaluation?.Dispose();
                view.Dispose();
            }
        }

        return new(GoOn(view, evaluation, share, start, cancellationToken));
    }

    public ValueTask<RangeChunk> ReadChunk(RangeRequest request, Caller caller, ByteString from, int maxPairs, CancellationToken cancellationToken)
    {
        var view = replica.View();
        ChunkEvaluation? evaluation = null;
        var goesOn = false;
        try
        {
            EtcdException.ThrowIf(AccessRules.Check(view, caller, request));
            evaluation = new ChunkEvaluation(view, request, from, maxPairs);
            if (evaluation.Step(EntriesPerTurn))
            {
                return new(evaluation.Chunk());
            }

            goesOn = true;
        }
        finally
        {
            if (!goesOn)
            {
                (evaluation as IDisposable ?? view).Dispose();
            }
        }

        return new(GoOn(evaluation, cancellationToken));
    }

    public ValueTask<TxnResponse?> Txn(TxnRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken)
    {
        using var span = GrainTrace.StartWork("evaluate", GrainTrace.Caller());
        return IsShort(request) ? new(Evaluate()) : new(Scan(Evaluate, cancellationToken));

        TxnResponse? Evaluate()
        {
            var bytes = 0L;
            try
            {
                using var view = replica.View();
                EtcdException.ThrowIf(AccessRules.Check(view, caller, request));
                var response = new BatchEvaluation(view) { OnRead = more => share?.MustGrowTo(bytes += more) }.Txn(request, cancellationToken);
                KeyRangeMetrics.Txns.Add(1);
                share?.EndReading();
                return response;
            }
            catch (NoRoomException)
            {
                return null;
            }
        }
    }

    public ValueTask<IReadOnlyList<ByteString>?> AttachedKeys(long lease, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        new(Scan(
            () =>
            {
                using var view = replica.View();
                EtcdException.ThrowIf(Access.Of(view.Auth, caller).ReadAttached(view, lease));
                var keys = new List<ByteString>();
                var bytes = 0L;
                foreach (var key in view.Attached(lease, cancellationToken))
                {
                    bytes += key.Length + KeyOverheadBytes;
                    if (share?.TryGrowTo(bytes) is false)
                    {
                        return null;
                    }

                    keys.Add(key);
                }

                share?.EndReading();
                return (IReadOnlyList<ByteString>?)keys;
            },
            cancellationToken));

    private async Task<RangeResponse?> GoOn(
        ReplicaView view, RangeEvaluation evaluation, AnswerShare? share, long start, CancellationToken cancellationToken)
    {
        using (view)
        using (evaluation)
        {
            return await Scan(
                () =>
                {
                    do
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        if (share?.TryGrowTo(evaluation.Bytes) is false)
                        {
                            return null;
                        }
                    }
                    while (!evaluation.Step(EntriesPerStep));

                    share?.GrowTo(evaluation.Bytes);
                    share?.EndReading();
                    Count(start);
                    return evaluation.Response();
                },
                cancellationToken);
        }
    }

    private async Task<RangeChunk> GoOn(ChunkEvaluation evaluation, CancellationToken cancellationToken)
    {
        using (evaluation)
        {
            return await Scan(
                () =>
                {
                    do
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                    }
                    while (!evaluation.Step(EntriesPerStep));

                    return evaluation.Chunk();
                },
                cancellationToken);
        }
    }

    private static void Count(long start)
    {
        KeyRangeMetrics.Ranges.Add(1);
        KeyRangeMetrics.Range.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private static bool IsShort(TxnRequest request) =>
        request.Compare.All(static compare => compare.RangeEnd.IsEmpty)
        && request.Success.Concat(request.Failure).All(static op => op.RequestRange.RangeEnd.IsEmpty || op.RequestRange.Limit is > 0 and <= EntriesPerStep);

    private async Task<T> Scan<T>(Func<T> scan, CancellationToken cancellationToken)
    {
        KeyRangeMetrics.ActiveScans.Add(1);
        try
        {
            using var slot = await slots.Take(cancellationToken);
            return await Task.Run(scan, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            KeyRangeMetrics.AbandonedScans.Add(1);
            throw;
        }
        finally
        {
            KeyRangeMetrics.ActiveScans.Add(-1);
        }
    }
}
