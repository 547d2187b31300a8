using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Protos.Concurrency;
using Granary.Server.Identity;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Lock service: a lock belongs to the oldest key below its name, for as long as that key's lease lives.</summary>
internal sealed class LockService(Callers callers, Keyspace keyspace, KvService kv, Waiting waiting, LastingCalls lasting, ConcurrencyErrors errors) : Protos.Concurrency.Lock.LockBase
{
    public override async Task<LockResponse> Lock(LockRequest request, ServerCallContext context)
    {
        try
        {
            using var ended = lasting.Begin(context);
            var cancellationToken = ended.Token;
            var caller = callers.Of(context);
            var lease = await waiting.Lease(request.Lease, caller, cancellationToken);
            var key = Waiting.Key(request.Name, lease);
            try
            {
                return await Acquire(request.Name, key, lease, () => callers.Of(context), cancellationToken);
            }
            catch
            {
                // Whoever is not there any more must not be waited for.
                await keyspace.DeleteRange(new DeleteRangeRequest { Key = key }, caller, CancellationToken.None);
                throw;
            }
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<UnlockResponse> Unlock(UnlockRequest request, ServerCallContext context)
    {
        try
        {
            var deleted = await kv.DeleteRange(new DeleteRangeRequest { Key = request.Key }, callers.Of(context), context.CancellationToken);
            return new UnlockResponse { Header = deleted.Header };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    private async Task<LockResponse> Acquire(ByteString name, ByteString key, long lease, Func<Caller> findCaller, CancellationToken cancellationToken)
    {
        var entered = await waiting.Enter(name, key, ByteString.Empty, lease, findCaller(), cancellationToken);
        var createRevision = entered.Succeeded ? entered.Header.Revision : entered.Responses[0].ResponseRange.Kvs[0].CreateRevision;
        if (entered.Responses[1].ResponseRange.Kvs is [var oldest, ..] && oldest.CreateRevision == createRevision)
        {
            return new LockResponse { Header = entered.Header, Key = key };
        }

        await waiting.ForTurn(name, createRevision, findCaller, cancellationToken);
        var own = await keyspace.Range(new RangeRequest { Key = key }, findCaller(), cancellationToken);
        return own.Kvs.Count > 0
            ? new LockResponse { Header = own.Header, Key = key }
            : throw ConcurrencyErrors.Of("mutex: session is expired");
    }
}
