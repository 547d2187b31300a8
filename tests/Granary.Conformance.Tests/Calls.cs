using Google.Protobuf;
using Granary.Protos.Concurrency;
using Grpc.Core;

namespace Granary.Conformance.Tests;

/// <summary>Sends a request message to the method that takes it.</summary>
internal static class Calls
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static async Task<Answer> Ask(Server server, IMessage request, CancellationToken cancellationToken, Metadata? headers = null)
    {
        var kv = new KV.KVClient(server.Calls);
        var leases = new Lease.LeaseClient(server.Calls);
        var locks = new Protos.Concurrency.Lock.LockClient(server.Calls);
        var elections = new Election.ElectionClient(server.Calls);
        var maintenance = new Maintenance.MaintenanceClient(server.Calls);
        var cluster = new Protos.Cluster.ClusterClient(server.Calls);
        var auth = new Auth.AuthClient(server.Calls);
        var options = new CallOptions(headers, DateTime.UtcNow + Deadline, cancellationToken);
        try
        {
            return Answer.Of(request switch
            {
                RangeRequest range => await kv.RangeAsync(range, options),
                PutRequest put => await kv.PutAsync(put, options),
                DeleteRangeRequest delete => await kv.DeleteRangeAsync(delete, options),
                TxnRequest txn => await kv.TxnAsync(txn, options),
                CompactionRequest compaction => await kv.CompactAsync(compaction, options),
                LeaseGrantRequest grant => await leases.LeaseGrantAsync(grant, options),
                LeaseRevokeRequest revoke => await leases.LeaseRevokeAsync(revoke, options),
                LeaseTimeToLiveRequest timeToLive => Steady(await leases.LeaseTimeToLiveAsync(timeToLive, options)),
                LockRequest @lock => await locks.LockAsync(@lock, options),
                UnlockRequest unlock => await locks.UnlockAsync(unlock, options),
                CampaignRequest campaign => await elections.CampaignAsync(campaign, options),
                ProclaimRequest proclaim => await elections.ProclaimAsync(proclaim, options),
                LeaderRequest leader => await elections.LeaderAsync(leader, options),
                ResignRequest resign => await elections.ResignAsync(resign, options),
                AlarmRequest alarm => await maintenance.AlarmAsync(alarm, options),
                HashKVRequest hash => Comparable(await maintenance.HashKVAsync(hash, options)),
                DefragmentRequest defragment => await maintenance.DefragmentAsync(defragment, options),
                MoveLeaderRequest move => await maintenance.MoveLeaderAsync(move, options),
                DowngradeRequest downgrade => await maintenance.DowngradeAsync(downgrade, options),
                HashRequest hash => Comparable(await maintenance.HashAsync(hash, options)),
                LeaseLeasesRequest list => Steady(await leases.LeaseLeasesAsync(list, options)),
                MemberListRequest list => Comparable(await cluster.MemberListAsync(list, options)),
                LeaseKeepAliveRequest keepAlive => await First(leases.LeaseKeepAlive(options), keepAlive, cancellationToken),
                WatchCreateRequest create => await First(
                    new Watch.WatchClient(server.Calls).Watch(options), new WatchRequest { CreateRequest = create }, cancellationToken),
                AuthEnableRequest enable => await auth.AuthEnableAsync(enable, options),
                AuthDisableRequest disable => await auth.AuthDisableAsync(disable, options),
                AuthStatusRequest status => await auth.AuthStatusAsync(status, options),
                AuthenticateRequest logIn => await auth.AuthenticateAsync(logIn, options),
                AuthUserAddRequest add => await auth.UserAddAsync(add, options),
                AuthUserGetRequest get => await auth.UserGetAsync(get, options),
                AuthUserListRequest list => await auth.UserListAsync(list, options),
                AuthUserDeleteRequest delete => await auth.UserDeleteAsync(delete, options),
                AuthUserChangePasswordRequest change => await auth.UserChangePasswordAsync(change, options),
                AuthUserGrantRoleRequest grant => await auth.UserGrantRoleAsync(grant, options),
                AuthUserRevokeRoleRequest revoke => await auth.UserRevokeRoleAsync(revoke, options),
                AuthRoleAddRequest add => await auth.RoleAddAsync(add, options),
                AuthRoleGetRequest get => await auth.RoleGetAsync(get, options),
                AuthRoleListRequest list => await auth.RoleListAsync(list, options),
                AuthRoleDeleteRequest delete => await auth.RoleDeleteAsync(delete, options),
                AuthRoleGrantPermissionRequest grant => await auth.RoleGrantPermissionAsync(grant, options),
                AuthRoleRevokePermissionRequest revoke => await auth.RoleRevokePermissionAsync(revoke, options),
                MemberAddRequest add => await cluster.MemberAddAsync(add, options),
                MemberRemoveRequest remove => await cluster.MemberRemoveAsync(remove, options),
                MemberUpdateRequest update => await cluster.MemberUpdateAsync(update, options),
                MemberPromoteRequest promote => (IMessage)await cluster.MemberPromoteAsync(promote, options),
                _ => throw new ArgumentException($"No method takes {request.Descriptor.Name}.", nameof(request)),
            });
        }
        catch (RpcException error)
        {
            return Answer.Of(error);
        }
    }

    /// <summary>The first answer on a stream to one request.</summary>
    private static async Task<TResponse> First<TRequest, TResponse>(
        AsyncDuplexStreamingCall<TRequest, TResponse> stream, TRequest request, CancellationToken cancellationToken)
    {
        using (stream)
        {
            await stream.RequestStream.WriteAsync(request, cancellationToken);
            return await stream.ResponseStream.MoveNext(cancellationToken)
                ? stream.ResponseStream.Current
                : throw new RpcException(stream.GetStatus());
        }
    }

    private static HashResponse Comparable(HashResponse answer)
    {
        answer.Hash = 0;
        return answer;
    }

    private static MemberListResponse Comparable(MemberListResponse answer)
    {
        answer.Members.Clear();
        return answer;
    }

    private static LeaseLeasesResponse Steady(LeaseLeasesResponse list)
    {
        var sorted = list.Leases.OrderBy(lease => lease.ID).ToList();
        list.Leases.Clear();
        list.Leases.AddRange(sorted);
        return list;
    }

    /// <summary>Each has a hash of its own, and etcd 3.5 does not say of which revision it is.</summary>
    private static HashKVResponse Comparable(HashKVResponse answer)
    {
        answer.Hash = 0;
        answer.HashRevision = 0;
        return answer;
    }

    /// <summary>What may differ between two answers that mean the same: a second may have passed, and keys come in any order.</summary>
    private static LeaseTimeToLiveResponse Steady(LeaseTimeToLiveResponse left)
    {
        left.TTL = left.TTL > 0 ? 1 : left.TTL;
        var sorted = left.Keys.OrderBy(key => key.ToStringUtf8(), StringComparer.Ordinal).ToList();
        left.Keys.Clear();
        left.Keys.AddRange(sorted);
        return left;
    }

    /// <summary>A unary call whose bytes are ours, to any method of any service, known to the server or not.</summary>
    public static async Task<(Status Status, byte[]? Response)> AskRaw(
        Server server, string service, string method, byte[] request, CancellationToken cancellationToken)
    {
        var bytes = Marshallers.Create(value => value, value => value);
        var call = server.Calls.AsyncUnaryCall(
            new Method<byte[], byte[]>(MethodType.Unary, service, method, bytes, bytes),
            host: null,
            new CallOptions(deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken),
            request);
        try
        {
            return (Status.DefaultSuccess, await call);
        }
        catch (RpcException error)
        {
            return (new Status(error.StatusCode, error.Status.Detail), null);
        }
    }
}
