using Google.Protobuf;
using Granary.Client.Connections;
using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Audit;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Granary.Server.InCluster;

/// <summary>The methods of this process's services by those that the client calls. What stands before the services is here as well: learners, the audit log.</summary>
internal sealed class InClusterMethods : IDisposable
{
    private readonly Dictionary<string, Delegate> _unary = [];
    private readonly WatchService _watches;
    private readonly MaintenanceService _maintenance;
    private readonly LeaseService _leases;
    private readonly ILeadership _leadership;
    private readonly LastingCalls _lasting;
    private readonly Interceptor? _audit;
    private volatile bool _isClosed;

    public InClusterMethods(
        KvService kv,
        LeaseService leases,
        WatchService watches,
        MaintenanceService maintenance,
        ClusterService cluster,
        AuthService auth,
        ILeadership leadership,
        LastingCalls lasting,
        ServerOptions options,
        IServiceProvider services)
    {
        (_watches, _maintenance, _leases, _leadership, _lasting) = (watches, maintenance, leases, leadership, lasting);
        _audit = options.AuditLog is null ? null : ActivatorUtilities.CreateInstance<AuditInterceptor>(services);
        Add(UnaryMethods.Range, kv.Range);
        Add(UnaryMethods.Put, kv.Put);
        Add(UnaryMethods.DeleteRange, kv.DeleteRange);
        Add(UnaryMethods.Txn, kv.Txn);
        Add(UnaryMethods.Compact, kv.Compact);
        Add(UnaryMethods.LeaseGrant, leases.LeaseGrant);
        Add(UnaryMethods.LeaseRevoke, leases.LeaseRevoke);
        Add(UnaryMethods.LeaseKeepAlive, KeepAlive);
        Add(UnaryMethods.LeaseTimeToLive, leases.LeaseTimeToLive);
        Add(UnaryMethods.LeaseLeases, leases.LeaseLeases);
        Add(UnaryMethods.MemberList, cluster.MemberList);
        Add(UnaryMethods.MemberAdd, cluster.MemberAdd);
        Add(UnaryMethods.MemberRemove, cluster.MemberRemove);
        Add(UnaryMethods.MemberUpdate, cluster.MemberUpdate);
        Add(UnaryMethods.MemberPromote, cluster.MemberPromote);
        Add(UnaryMethods.Status, maintenance.Status);
        Add(UnaryMethods.Alarm, maintenance.Alarm);
        Add(UnaryMethods.Hash, maintenance.Hash);
        Add(UnaryMethods.HashKV, maintenance.HashKV);
        Add(UnaryMethods.Defragment, maintenance.Defragment);
        Add(UnaryMethods.MoveLeader, maintenance.MoveLeader);
        Add(UnaryMethods.Authenticate, auth.Authenticate);
        Add(UnaryMethods.AuthStatus, auth.AuthStatus);
        Add(UnaryMethods.AuthEnable, auth.AuthEnable);
        Add(UnaryMethods.AuthDisable, auth.AuthDisable);
        Add(UnaryMethods.UserAdd, auth.UserAdd);
        Add(UnaryMethods.UserGet, auth.UserGet);
        Add(UnaryMethods.UserList, auth.UserList);
        Add(UnaryMethods.UserDelete, auth.UserDelete);
        Add(UnaryMethods.UserChangePassword, auth.UserChangePassword);
        Add(UnaryMethods.UserGrantRole, auth.UserGrantRole);
        Add(UnaryMethods.UserRevokeRole, auth.UserRevokeRole);
        Add(UnaryMethods.RoleAdd, auth.RoleAdd);
        Add(UnaryMethods.RoleGet, auth.RoleGet);
        Add(UnaryMethods.RoleList, auth.RoleList);
        Add(UnaryMethods.RoleDelete, auth.RoleDelete);
        Add(UnaryMethods.RoleGrantPermission, auth.RoleGrantPermission);
        Add(UnaryMethods.RoleRevokePermission, auth.RoleRevokePermission);
    }

    /// <summary>The names of those with one request and one answer.</summary>
    public IEnumerable<string> Names => _unary.Keys;

    /// <summary>Whether nothing will be answered any more, because the server stops.</summary>
    public bool AreEnding => _lasting.AreEnding;

    /// <exception cref="RpcException">The service's error.</exception>
    public Task<TResponse> Call<TRequest, TResponse>(UnaryMethod<TRequest, TResponse> method, TRequest request, InClusterCall call)
        where TRequest : IMessage
        where TResponse : class, IMessage<TResponse>
    {
        Check(call);
        return ((Func<TRequest, ServerCallContext, Task<TResponse>>)_unary[method.Name])(request, call);
    }

    public Task Watch(WatchCreateRequest request, IServerStreamWriter<WatchResponse> responses, InClusterCall call)
    {
        Check(call);
        var requests = new OneRequest<WatchRequest>(new WatchRequest { CreateRequest = request });
        return _audit is null ? _watches.Watch(requests, responses, call) : _audit.DuplexStreamingServerHandler(requests, responses, call, _watches.Watch);
    }

    public Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responses, InClusterCall call)
    {
        Check(call);
        return _audit is null ? _maintenance.Snapshot(request, responses, call) : _audit.ServerStreamingServerHandler(request, responses, call, _maintenance.Snapshot);
    }

    // The services are disposed after this. Whoever still has the client is told as by any that is disposed of, and does not go on asking.
    public void Dispose() => _isClosed = true;

    /// <exception cref="ObjectDisposedException">The server is gone.</exception>
    private void Check(InClusterCall call)
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(GranaryHost));
        CallErrors.ThrowIf(_leadership.IsLearner && !LearnerCalls.Answers(call.Method) ? EtcdError.NotSupportedForLearner : null);
    }

    private void Add<TRequest, TResponse>(UnaryMethod<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> serve)
        where TRequest : class, IMessage
        where TResponse : class, IMessage<TResponse>
    {
        var audit = _audit;
        Func<TRequest, ServerCallContext, Task<TResponse>> served =
            audit is null ? serve.Invoke : (request, call) => audit.UnaryServerHandler(request, call, serve);
        _unary.Add(method.Name, served);
    }

    private async Task<LeaseKeepAliveResponse> KeepAlive(LeaseKeepAliveRequest request, ServerCallContext call)
    {
        var answers = new OneAnswer<LeaseKeepAliveResponse>();
        await _leases.LeaseKeepAlive(new OneRequest<LeaseKeepAliveRequest>(request), answers, call);
        return answers.Message ?? throw CallErrors.Of(EtcdError.Stopped);
    }
}
