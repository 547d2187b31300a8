using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Mvcc.Auth;

/// <summary>Which rights each request needs. All of it must be allowed, or nothing of it is done.</summary>
public static class AccessRules
{
    /// <summary>Why a caller may not do what only a user with the role root may, or null.</summary>
    public static EtcdError? CheckAdmin(AuthState state, Caller caller) =>
        IsFree(state, caller) ? null
        : caller.User is null ? EtcdError.UserEmpty
        : state.AccessOf(caller.User)?.IsRoot is true ? null
        : EtcdError.PermissionDenied;

    /// <summary>Why a caller may not do what every user may, or null.</summary>
    public static EtcdError? CheckUser(AuthState state, Caller caller) =>
        IsFree(state, caller) ? null
        : caller.User is null ? EtcdError.UserEmpty
        : state.Users.ContainsKey(caller.User) ? null
        : EtcdError.PermissionDenied;

    /// <summary>Why a caller may not make a request to the keyspace or to leases, or null.</summary>
    /// <param name="view">The state on which the request is decided.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="request">Of the services KV or Lease.</param>
    /// <param name="onLeaseRead">Told of each lease whose attached keys the answer rests on.</param>
    public static EtcdError? Check(IKeyspaceView view, Caller caller, IMessage request, Action<long>? onLeaseRead = null)
    {
        if (request is LeaseGrantRequest)
        {
            return CheckUser(view.Auth, caller);
        }

        var access = Access.Of(view.Auth, caller);
        return access.IsFree ? null
            : access.IsOutdated && request is TxnRequest ? EtcdError.AuthOldRevision
            : new Walk(view, access, onLeaseRead).Check(request) ?? (request is LeaseRevokeRequest ? CheckUser(view.Auth, caller) : null);
    }

    private static bool IsFree(AuthState state, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return !state.IsEnabled || caller.IsServer;
    }

    private readonly struct Walk(IKeyspaceView view, Access access, Action<long>? onLeaseRead)
    {
        public EtcdError? Check(IMessage request) => request switch
        {
            RangeRequest range => access.Read(range.Key, range.RangeEnd),
            PutRequest put => Check(put),
            DeleteRangeRequest delete => access.Write(delete.Key, delete.RangeEnd) ?? (delete.PrevKv ? access.Read(delete.Key, delete.RangeEnd) : null),
            TxnRequest txn => Check(txn),
            LeaseRevokeRequest revoke => CheckLease(revoke.ID),
            _ => throw new ArgumentException($"{request.Descriptor.Name} needs no right to keys.", nameof(request)),
        };

        private EtcdError? Check(PutRequest put) =>
            access.Write(put.Key, ByteString.Empty)
            ?? (put.PrevKv ? access.Read(put.Key, ByteString.Empty) : null)
            ?? (put.Lease != 0 ? CheckLease(put.Lease) : null);

        private EtcdError? Check(TxnRequest txn)
        {
            foreach (var compare in txn.Compare)
            {
                if (access.Read(compare.Key, compare.RangeEnd) is { } error)
                {
                    return error;
                }
            }

            return Check(txn.Success) ?? Check(txn.Failure);
        }

        private EtcdError? Check(RepeatedField<RequestOp> branch)
        {
            foreach (var op in branch)
            {
                var error = op.RequestCase switch
                {
                    RequestOp.RequestOneofCase.RequestRange => Check(op.RequestRange),
                    RequestOp.RequestOneofCase.RequestPut => Check(op.RequestPut),
                    RequestOp.RequestOneofCase.RequestDeleteRange => Check(op.RequestDeleteRange),
                    RequestOp.RequestOneofCase.RequestTxn => Check(op.RequestTxn),
                    _ => null,
                };
                if (error is not null)
                {
                    return error;
                }
            }

            return null;
        }

        private EtcdError? CheckLease(long lease)
        {
            onLeaseRead?.Invoke(lease);
            return access.WriteAttached(view, lease);
        }
    }
}
