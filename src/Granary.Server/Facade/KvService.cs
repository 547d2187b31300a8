using Granary.Grains.KeyRanges;
using Granary.Grains.Tracing;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Server.Metrics;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The KV service: checks the shape of requests and gives them to the keyspace with the call's token.</summary>
internal sealed class KvService(
    Callers callers, Keyspace keyspace, GrainRouter router, Leading leading, Member member, RequestSize size, Quota quota, AnswerBudget budget, CallErrors errors, ServerOptions options) : KV.KVBase
{
    public override async Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request) ?? OfLearner(request));
        using var span = GrainTrace.StartCall("IKeyRangeReaderGrain/Range");
        var share = request.RangeEnd.IsEmpty || request.CountOnly ? null : LargeAnswers.Share(budget, context);
        try
        {
            var response = await keyspace.Range(request, callers.Of(context), share, context.CancellationToken);
            LargeAnswers.Hold(context, share);
            return response;
        }
        catch (Exception exception)
        {
            share?.Dispose();
            throw await errors.Map(exception, context);
        }
    }

    public override async Task RangeStream(RangeRequest request, IServerStreamWriter<RangeStreamResponse> responseStream, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.CheckStream(request) ?? OfLearner(request));
        using var span = GrainTrace.StartCall("IKeyRangeReaderGrain/ReadChunk");
        try
        {
            if (!request.Serializable)
            {
                await leading.Prove(context.CancellationToken);
            }

            await new RangeStreaming(router, member, options).Run(request, callers.Of(context), responseStream.Metered(context), context.CancellationToken);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("IKeyRangeGrain/Put");
        try
        {
            await CheckQuota(quota.Check, request, context);
            CallErrors.ThrowIf(RequestChecks.Check(request));
            var caller = callers.Of(context);
            size.Check(request);
            return await keyspace.Put(request, caller, context.CancellationToken);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    // Who is refused further down must not be the one for whom the alarm goes up.
    private ValueTask CheckQuota<TRequest>(Func<TRequest, ValueTask> check, TRequest request, ServerCallContext context) =>
        callers.IsUser(context) ? check(request) : default;

    public override async Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(RequestChecks.Check(request));
        using var span = GrainTrace.StartCall("IKeyRangeGrain/DeleteRange");
        var share = request.PrevKv && !request.RangeEnd.IsEmpty ? LargeAnswers.Share(budget, context) : null;
        try
        {
            var caller = callers.Of(context);
            size.Check(request);
            var response = await keyspace.DeleteRange(request, caller, share, context.CancellationToken);
            LargeAnswers.Hold(context, share);
            return response;
        }
        catch (Exception exception)
        {
            share?.Dispose();
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("IKeyRangeGrain/Txn");
        var share = Keyspace.Reads(request) ? LargeAnswers.Share(budget, context) : null;
        try
        {
            await CheckQuota(quota.Check, request, context);
            CallErrors.ThrowIf(RequestChecks.Check(request, options.MaxTxnOps));
            var caller = callers.Of(context);
            CheckSize(request);
            var response = await keyspace.Txn(request, caller, share, context.CancellationToken);
            LargeAnswers.Hold(context, share);
            return response;
        }
        catch (Exception exception)
        {
            share?.Dispose();
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("IKeyspaceGrain/Compact");
        try
        {
            return await keyspace.Compact(request, callers.Of(context), context.CancellationToken);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>A txn of locks and elections. It is checked as any client's: keys, values and names in it are what their clients have sent.</summary>
    /// <exception cref="EtcdException">It may not be done.</exception>
    public async Task<TxnResponse> Txn(TxnRequest request, Caller caller, CancellationToken cancellationToken)
    {
        if (callers.IsUser(caller))
        {
            await quota.Check(request);
        }

        EtcdException.ThrowIf(RequestChecks.Check(request, options.MaxTxnOps));
        CheckSize(request);
        return await keyspace.Txn(request, caller, cancellationToken);
    }

    /// <inheritdoc cref="Txn(TxnRequest, Caller, CancellationToken)"/>
    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, Caller caller, CancellationToken cancellationToken)
    {
        EtcdException.ThrowIf(RequestChecks.Check(request));
        size.Check(request);
        return keyspace.DeleteRange(request, caller, cancellationToken);
    }

    // What writes nothing goes into no log: it is bounded as a message only.
    private void CheckSize(TxnRequest request)
    {
        if (!Keyspace.IsReadOnly(request))
        {
            size.Check(request);
        }
    }

    // Who never leads reads without asking the leader, or not at all.
    private EtcdError? OfLearner(RangeRequest request) => leading.IsLearner && !request.Serializable ? EtcdError.NotSupportedForLearner : null;
}
