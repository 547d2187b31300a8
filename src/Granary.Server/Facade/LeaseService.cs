using Granary.Grains.KeyRanges;
using Granary.Grains.Tracing;
using Granary.Mvcc;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Identity;
using Granary.Server.Metrics;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Lease service: finds the slot of a lease, calls its grain, completes the answer.</summary>
internal sealed class LeaseService(
    Callers callers, GrainRouter router, Keyspace keyspace, Leading leading, AnswerBudget budget, Member member, Quota quota, LastingCalls lasting, CallErrors errors)
    : Lease.LeaseBase
{
    private const long MaxTtlSeconds = 9_000_000_000;

    public override async Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/Grant");
        try
        {
            var caller = callers.User(context);
            EtcdException.ThrowIf(request.TTL > MaxTtlSeconds ? EtcdError.LeaseTtlTooLarge : null);
            var response = await Grant(request, caller, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/Revoke");
        try
        {
            var caller = callers.User(context);
            var leader = await leading.Reach(context.CancellationToken);
            var response = await leading.Written(leader, router.Lease(leader, request.ID).Revoke(request, caller, context.CancellationToken));
            await leading.SeenRevision(leader, response.Header.Revision, context.CancellationToken);
            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task LeaseKeepAlive(
        IAsyncStreamReader<LeaseKeepAliveRequest> requestStream,
        IServerStreamWriter<LeaseKeepAliveResponse> responseStream,
        ServerCallContext context)
    {
        try
        {
            using var ended = lasting.Begin(context);
            await new KeepAliveCall(() => callers.Of(context), router, leading, member).Run(requestStream.Metered(context), responseStream.Metered(context), ended);
        }
        catch (Exception exception) when (CallErrors.IsDeparture(exception, context))
        {
            throw CallErrors.Left(context);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/TimeToLive");
        var share = request.Keys ? LargeAnswers.Share(budget, context) : null;
        try
        {
            var caller = callers.Of(context);
            var leader = await leading.Reach(context.CancellationToken);
            var response = await leading.Written(leader, router.Lease(leader, request.ID).TimeToLive(request, caller, context.CancellationToken));
            if (share is not null && response.TTL >= 0)
            {
                response.Keys.AddRange(await keyspace.AttachedKeys(request.ID, caller, share, context.CancellationToken));
                LargeAnswers.Hold(context, share);
            }

            member.Complete(response.Header);
            return response;
        }
        catch (Exception exception)
        {
            share?.Dispose();
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, ServerCallContext context)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/Leases");
        try
        {
            var caller = callers.Of(context);
            await leading.Prove(context.CancellationToken);
            var response = new LeaseLeasesResponse { Header = member.NewHeader() };
            var leader = await leading.Reach(context.CancellationToken);
            var slots = await Task.WhenAll(router.LeaseSlots(leader).Select(slot => leading.Written(leader, slot.Leases(caller, context.CancellationToken)).AsTask()));
            response.Leases.AddRange(slots
                .SelectMany(static leases => leases)
                .OrderBy(static lease => lease.Remaining)
                .Select(static lease => new LeaseStatus { ID = lease.Id }));
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>Grants a lease, with an id of ours when the request names none.</summary>
    public async Task<LeaseGrantResponse> Grant(LeaseGrantRequest request, Caller caller, CancellationToken cancellationToken)
    {
        await quota.Check(request);
        while (true)
        {
            var named = request.ID != 0 ? request : new LeaseGrantRequest { ID = (long)RandomId.New(), TTL = request.TTL };
            try
            {
                var leader = await leading.Reach(cancellationToken);
                return await leading.Written(leader, router.Lease(leader, named.ID).Grant(named, caller, cancellationToken));
            }
            catch (EtcdException exception) when (exception.Error == EtcdError.LeaseExists && request.ID == 0)
            {
                // An id of ours that somebody has chosen before us.
            }
        }
    }
}
