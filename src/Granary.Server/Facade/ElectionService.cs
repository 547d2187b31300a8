using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Protos.Concurrency;
using Granary.Server.Identity;
using Granary.Server.Metrics;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Election service: the leader is who has the oldest key below the election's name, and the value of that key is what it says.</summary>
internal sealed class ElectionService(
    Callers callers, Keyspace keyspace, KvService kv, Watches watches, Waiting waiting, LastingCalls lasting, ConcurrencyErrors errors) : Election.ElectionBase
{
    private const string NoLeaderField = "\"leader\" field must be provided";

    public override async Task<CampaignResponse> Campaign(CampaignRequest request, ServerCallContext context)
    {
        try
        {
            using var ended = lasting.Begin(context);
            var cancellationToken = ended.Token;
            var caller = callers.Of(context);
            var lease = await waiting.Lease(request.Lease, caller, cancellationToken);
            var key = Waiting.Key(request.Name, lease);
            var entered = await waiting.Enter(request.Name, key, request.Value, lease, caller, cancellationToken);
            var existing = entered.Succeeded ? null : entered.Responses[0].ResponseRange.Kvs[0];
            var createRevision = existing?.CreateRevision ?? entered.Header.Revision;
            try
            {
                if (existing is not null && !existing.Value.Equals(request.Value))
                {
                    await Put(key, createRevision, request.Value, lease, caller, cancellationToken);
                }

                await waiting.ForTurn(request.Name, createRevision, () => callers.Of(context), cancellationToken);
            }
            catch
            {
                await Resign(key, createRevision, caller, CancellationToken.None);
                throw;
            }

            return new CampaignResponse
            {
                Header = entered.Header,
                Leader = new LeaderKey { Name = request.Name, Key = key, Rev = createRevision, Lease = lease },
            };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<ProclaimResponse> Proclaim(ProclaimRequest request, ServerCallContext context)
    {
        try
        {
            var leader = request.Leader ?? throw ConcurrencyErrors.Of(NoLeaderField);
            var caller = callers.Of(context);
            var lease = await waiting.Lease(leader.Lease, caller, context.CancellationToken);
            return new ProclaimResponse { Header = await Put(leader.Key, leader.Rev, request.Value, lease, caller, context.CancellationToken) };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<LeaderResponse> Leader(LeaderRequest request, ServerCallContext context)
    {
        try
        {
            var oldest = await keyspace.Range(Waiting.Oldest(request.Name), callers.Of(context), context.CancellationToken);
            return oldest.Kvs.Count > 0
                ? new LeaderResponse { Header = oldest.Header, Kv = oldest.Kvs[0] }
                : throw ConcurrencyErrors.Of("election: no leader");
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task Observe(LeaderRequest request, IServerStreamWriter<LeaderResponse> responseStream, ServerCallContext context)
    {
        using var ended = lasting.Begin(context);
        try
        {
            var responses = responseStream.Metered(context);
            while (true)
            {
                await ObserveOne(request.Name, callers.Of(context), responses, ended.Token);
            }
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<ResignResponse> Resign(ResignRequest request, ServerCallContext context)
    {
        try
        {
            var leader = request.Leader ?? throw ConcurrencyErrors.Of(NoLeaderField);
            return new ResignResponse { Header = await Resign(leader.Key, leader.Rev, callers.Of(context), context.CancellationToken) };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    private async Task<ResponseHeader> Put(ByteString key, long createRevision, ByteString value, long lease, Caller caller, CancellationToken cancellationToken)
    {
        var put = await kv.Txn(
            new TxnRequest
            {
                Compare = { Waiting.IsCreatedAt(key, createRevision) },
                Success = { new RequestOp { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } } },
            },
            caller,
            cancellationToken);
        return put.Succeeded ? put.Header : throw ConcurrencyErrors.Of("election: not leader");
    }

    private async Task<ResponseHeader> Resign(ByteString key, long createRevision, Caller caller, CancellationToken cancellationToken)
    {
        var deleted = await kv.Txn(
            new TxnRequest
            {
                Compare = { Waiting.IsCreatedAt(key, createRevision) },
                Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } } },
            },
            caller,
            cancellationToken);
        return deleted.Header;
    }

    /// <summary>Tells of one leader, from its election, which is waited for, until its key is gone.</summary>
    private async Task ObserveOne(ByteString name, Caller caller, IServerStreamWriter<LeaderResponse> responses, CancellationToken cancellationToken)
    {
        var oldest = await keyspace.Range(Waiting.Oldest(name), caller, cancellationToken);
        var leader = oldest.Kvs.Count > 0
            ? new LeaderResponse { Header = oldest.Header, Kv = oldest.Kvs[0] }
            : await First(name, oldest.Header, caller, cancellationToken);
        if (leader is null)
        {
            return;
        }

        await responses.WriteAsync(leader, cancellationToken);
        await using var watch = await watches.Watch(new WatchCreateRequest { Key = leader.Kv.Key, StartRevision = leader.Header.Revision + 1 }, caller);
        while (await watch.Next(cancellationToken) is { } changes)
        {
            foreach (var change in changes.Events)
            {
                if (change.Type == Event.Types.EventType.Delete)
                {
                    return;
                }

                await responses.WriteAsync(new LeaderResponse { Header = At(leader.Header, changes.Header.Revision), Kv = change.Kv }, cancellationToken);
            }
        }
    }

    private async Task<LeaderResponse?> First(ByteString name, ResponseHeader read, Caller caller, CancellationToken cancellationToken)
    {
        await using var watch = await watches.Watch(
            new WatchCreateRequest
            {
                Key = Waiting.Prefix(name),
                RangeEnd = Waiting.EndOf(Waiting.Prefix(name)),
                StartRevision = read.Revision + 1,
                Filters = { WatchCreateRequest.Types.FilterType.Nodelete },
            },
            caller);
        return await watch.Next(cancellationToken) is { } changes
            ? new LeaderResponse { Header = At(read, changes.Events[0].Kv.ModRevision), Kv = changes.Events[0].Kv }
            : null;
    }

    private static ResponseHeader At(ResponseHeader header, long revision) => new(header) { Revision = revision };
}
