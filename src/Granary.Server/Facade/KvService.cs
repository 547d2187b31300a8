using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Grains.Tracing;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The KV service: checks the shape of requests, finds their range, calls its grain with the call's token, completes the answer.</summary>
internal sealed class KvService(RangeRouter router, Member member, RequestSize size, CallErrors errors, ServerOptions options) : KV.KVBase
{
    public override async Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request));
        using var span = GrainTrace.StartCall("IKeyRangeReaderGrain/Range");
        try
        {
            var response = await router.Reader(request.Key).Range(request, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task RangeStream(RangeRequest request, IServerStreamWriter<RangeStreamResponse> responseStream, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.CheckStream(request));
        using var span = GrainTrace.StartCall("IKeyRangeReaderGrain/ReadChunk");
        try
        {
            await new RangeStreaming(router, member, options).Run(request, responseStream, context.CancellationToken);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request));
        size.Check(request);
        using var span = GrainTrace.StartCall("IKeyRangeGrain/Put");
        try
        {
            var response = await router.Writer(request.Key).Put(request, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request));
        size.Check(request);
        using var span = GrainTrace.StartCall("IKeyRangeGrain/DeleteRange");
        try
        {
            var response = router.SoleWriter(RangesTouched.By(request, router.Map)) is { } range
                ? await range.DeleteRange(request, context.CancellationToken)
                : await router.Keyspace().DeleteRange(request, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request, options.MaxTxnOps));
        size.Check(request);
        using var span = GrainTrace.StartCall("IKeyRangeGrain/Txn");
        try
        {
            TxnResponse response;
            if (IsReadOnly(request))
            {
                response = await router.Reader(FirstKey(request)).Txn(request, context.CancellationToken);
            }
            else if (router.SoleWriter(RangesTouched.By(request, router.Map)) is { } range)
            {
                response = await range.Txn(request, context.CancellationToken);
            }
            else
            {
                response = await router.Keyspace().Txn(request, context.CancellationToken);
            }

            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("IKeyspaceGrain/Compact");
        try
        {
            var response = await router.Keyspace().Compact(request, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>Whether every operation of both branches is a plain range; a nested txn makes it a write, even an idle one.</summary>
    private static bool IsReadOnly(TxnRequest request)
    {
        foreach (var op in request.Success)
        {
            if (op.RequestCase != RequestOp.RequestOneofCase.RequestRange)
            {
                return false;
            }
        }

        foreach (var op in request.Failure)
        {
            if (op.RequestCase != RequestOp.RequestOneofCase.RequestRange)
            {
                return false;
            }
        }

        return true;
    }

    private static ByteString FirstKey(TxnRequest request) =>
        request.Compare.Count > 0 ? request.Compare[0].Key
        : request.Success.Count > 0 ? request.Success[0].RequestRange.Key
        : request.Failure.Count > 0 ? request.Failure[0].RequestRange.Key
        : KeyRange.All.Start;
}
