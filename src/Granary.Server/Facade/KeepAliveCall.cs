using System.Diagnostics.Metrics;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Grains.Tracing;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>One LeaseKeepAlive rpc: whatever requests have come meanwhile go to their grains together; answers keep the order of the requests.</summary>
internal sealed class KeepAliveCall(Func<Caller> findCaller, GrainRouter router, Leading leading, Member member)
{
    private const int MaxBatch = 1024;

    private static readonly WriteOptions Flushed = new();
    private static readonly WriteOptions Unflushed = new(WriteFlags.BufferHint);

    private static readonly UpDownCounter<int> Streams = new Meter(KeyRangeMetrics.MeterName).CreateUpDownCounter<int>(
        "granary.leases.keepalive.streams", description: "Streams on which clients keep leases alive.");

    private static readonly Task<LeaseRenewals> NoneAsked = Task.FromResult(new LeaseRenewals(0, []));

    private readonly List<long> _batch = [];

    /// <summary>Runs until the client has said all and was answered, or leaves.</summary>
    public async Task Run(
        IAsyncStreamReader<LeaseKeepAliveRequest> requests, IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationTokenSource ended)
    {
        Streams.Add(1);
        var next = requests.MoveNext(ended.Token);
        try
        {
            while (await next)
            {
                // What has come already goes along; no more is read before it is answered.
                do
                {
                    _batch.Add(requests.Current.ID);
                    next = requests.MoveNext(ended.Token);
                }
                while (_batch.Count < MaxBatch && next.IsCompletedSuccessfully && await next);

                await AnswerAll(responses, ended.Token);
                _batch.Clear();
            }
        }
        finally
        {
            await ended.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Streams.Add(-1);
        }
    }

    private async Task AnswerAll(IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationToken cancellationToken)
    {
        try
        {
            await Answer(_batch, responses, cancellationToken);
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.PermissionDenied && _batch.Count > 1)
        {
            // Only the first that is refused ends the call: those before it are answered.
            foreach (var id in _batch)
            {
                await Answer([id], responses, cancellationToken);
            }
        }
    }

    /// <summary>Renews leases in the grains of all slots at once, and answers in the order in which they were asked for.</summary>
    /// <exception cref="EtcdException">One of them is refused, and none is answered.</exception>
    private async Task Answer(List<long> batch, IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationToken cancellationToken)
    {
        var renewals = await Renew(batch, cancellationToken);
        var headers = new ResponseHeader?[LeaseGrainKey.Slots];
        var ofSlot = new int[LeaseGrainKey.Slots];
        for (var i = 0; i < batch.Count; i++)
        {
            var slot = LeaseGrainKey.SlotOf(batch[i]);
            var renewal = renewals[slot];
            responses.WriteOptions = i == batch.Count - 1 ? Flushed : Unflushed;
            var answer = new LeaseKeepAliveResponse
            {
                Header = headers[slot] ??= member.Complete(new ResponseHeader { Revision = renewal.Revision }),
                ID = batch[i],
                TTL = renewal.TtlSeconds[ofSlot[slot]++],
            };
            await responses.WriteAsync(answer, cancellationToken);
        }
    }

    private async Task<LeaseRenewals[]> Renew(List<long> batch, CancellationToken cancellationToken)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/KeepAlive");
        var caller = findCaller();
        var ids = new List<long>?[LeaseGrainKey.Slots];
        foreach (var id in batch)
        {
            (ids[LeaseGrainKey.SlotOf(id)] ??= []).Add(id);
        }

        var leader = await leading.Reach(cancellationToken);
        return await Task.WhenAll(ids.Select((some, slot) => some is null
            ? NoneAsked
            : leading.Written(leader, router.LeaseSlots(leader)[slot].KeepAlive([.. some], caller, cancellationToken)).AsTask()));
    }
}
