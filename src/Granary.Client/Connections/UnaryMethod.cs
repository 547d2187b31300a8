using Google.Protobuf;
using Granary.Protos;

namespace Granary.Client.Connections;

/// <summary>A method of the API with one request and one answer.</summary>
/// <param name="Name">Service and method, <c>KV/Range</c>.</param>
/// <param name="Kind">What may be done when there is no answer.</param>
/// <param name="Answers">Reads an answer.</param>
internal sealed record UnaryMethod<TRequest, TResponse>(string Name, CallKind Kind, MessageParser<TResponse> Answers)
    where TRequest : IMessage
    where TResponse : IMessage<TResponse>
{
    /// <summary>Its path on the wire.</summary>
    public string Path { get; } = "/etcdserverpb." + Name;
}

/// <summary>The methods that the client calls.</summary>
internal static class UnaryMethods
{
    public static readonly UnaryMethod<RangeRequest, RangeResponse> Range = new("KV/Range", CallKind.Read, RangeResponse.Parser);

    public static readonly UnaryMethod<PutRequest, PutResponse> Put = new("KV/Put", CallKind.Write, PutResponse.Parser);

    public static readonly UnaryMethod<DeleteRangeRequest, DeleteRangeResponse> DeleteRange =
        new("KV/DeleteRange", CallKind.Write, DeleteRangeResponse.Parser);

    public static readonly UnaryMethod<TxnRequest, TxnResponse> Txn = new("KV/Txn", CallKind.Write, TxnResponse.Parser);

    /// <summary>A txn that changes nothing.</summary>
    public static readonly UnaryMethod<TxnRequest, TxnResponse> ReadTxn = Txn with { Kind = CallKind.Read };

    public static readonly UnaryMethod<CompactionRequest, CompactionResponse> Compact =
        new("KV/Compact", CallKind.Write, CompactionResponse.Parser);

    public static readonly UnaryMethod<LeaseGrantRequest, LeaseGrantResponse> LeaseGrant =
        new("Lease/LeaseGrant", CallKind.RepeatableWrite, LeaseGrantResponse.Parser);

    public static readonly UnaryMethod<LeaseRevokeRequest, LeaseRevokeResponse> LeaseRevoke =
        new("Lease/LeaseRevoke", CallKind.RepeatableWrite, LeaseRevokeResponse.Parser);

    /// <summary>A stream that ends after its first request, and therefore after its first answer: on the wire it is no other than those.</summary>
    public static readonly UnaryMethod<LeaseKeepAliveRequest, LeaseKeepAliveResponse> LeaseKeepAlive =
        new("Lease/LeaseKeepAlive", CallKind.RepeatableWrite, LeaseKeepAliveResponse.Parser);

    public static readonly UnaryMethod<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> LeaseTimeToLive =
        new("Lease/LeaseTimeToLive", CallKind.Read, LeaseTimeToLiveResponse.Parser);

    public static readonly UnaryMethod<LeaseLeasesRequest, LeaseLeasesResponse> LeaseLeases =
        new("Lease/LeaseLeases", CallKind.Read, LeaseLeasesResponse.Parser);

    public static readonly UnaryMethod<MemberListRequest, MemberListResponse> MemberList =
        new("Cluster/MemberList", CallKind.Read, MemberListResponse.Parser);

    public static readonly UnaryMethod<MemberAddRequest, MemberAddResponse> MemberAdd =
        new("Cluster/MemberAdd", CallKind.Write, MemberAddResponse.Parser);

    public static readonly UnaryMethod<MemberRemoveRequest, MemberRemoveResponse> MemberRemove =
        new("Cluster/MemberRemove", CallKind.Write, MemberRemoveResponse.Parser);

    public static readonly UnaryMethod<MemberUpdateRequest, MemberUpdateResponse> MemberUpdate =
        new("Cluster/MemberUpdate", CallKind.RepeatableWrite, MemberUpdateResponse.Parser);

    public static readonly UnaryMethod<MemberPromoteRequest, MemberPromoteResponse> MemberPromote =
        new("Cluster/MemberPromote", CallKind.Write, MemberPromoteResponse.Parser);

    public static readonly UnaryMethod<StatusRequest, StatusResponse> Status =
        new("Maintenance/Status", CallKind.Read, StatusResponse.Parser);

    public static readonly UnaryMethod<AlarmRequest, AlarmResponse> Alarm =
        new("Maintenance/Alarm", CallKind.RepeatableWrite, AlarmResponse.Parser);

    public static readonly UnaryMethod<HashRequest, HashResponse> Hash =
        new("Maintenance/Hash", CallKind.Read, HashResponse.Parser);

    public static readonly UnaryMethod<HashKVRequest, HashKVResponse> HashKV =
        new("Maintenance/HashKV", CallKind.Read, HashKVResponse.Parser);

    /// <summary>It takes as long as it takes: asked again, another server would do it too.</summary>
    public static readonly UnaryMethod<DefragmentRequest, DefragmentResponse> Defragment =
        new("Maintenance/Defragment", CallKind.Write, DefragmentResponse.Parser);

    public static readonly UnaryMethod<MoveLeaderRequest, MoveLeaderResponse> MoveLeader =
        new("Maintenance/MoveLeader", CallKind.Write, MoveLeaderResponse.Parser);

    public static readonly UnaryMethod<AuthenticateRequest, AuthenticateResponse> Authenticate =
        new("Auth/Authenticate", CallKind.Read, AuthenticateResponse.Parser);

    public static readonly UnaryMethod<AuthStatusRequest, AuthStatusResponse> AuthStatus =
        new("Auth/AuthStatus", CallKind.Read, AuthStatusResponse.Parser);

    public static readonly UnaryMethod<AuthEnableRequest, AuthEnableResponse> AuthEnable =
        new("Auth/AuthEnable", CallKind.RepeatableWrite, AuthEnableResponse.Parser);

    public static readonly UnaryMethod<AuthDisableRequest, AuthDisableResponse> AuthDisable =
        new("Auth/AuthDisable", CallKind.Write, AuthDisableResponse.Parser);

    public static readonly UnaryMethod<AuthUserAddRequest, AuthUserAddResponse> UserAdd =
        new("Auth/UserAdd", CallKind.Write, AuthUserAddResponse.Parser);

    public static readonly UnaryMethod<AuthUserGetRequest, AuthUserGetResponse> UserGet =
        new("Auth/UserGet", CallKind.Read, AuthUserGetResponse.Parser);

    public static readonly UnaryMethod<AuthUserListRequest, AuthUserListResponse> UserList =
        new("Auth/UserList", CallKind.Read, AuthUserListResponse.Parser);

    public static readonly UnaryMethod<AuthUserDeleteRequest, AuthUserDeleteResponse> UserDelete =
        new("Auth/UserDelete", CallKind.Write, AuthUserDeleteResponse.Parser);

    public static readonly UnaryMethod<AuthUserChangePasswordRequest, AuthUserChangePasswordResponse> UserChangePassword =
        new("Auth/UserChangePassword", CallKind.Write, AuthUserChangePasswordResponse.Parser);

    public static readonly UnaryMethod<AuthUserGrantRoleRequest, AuthUserGrantRoleResponse> UserGrantRole =
        new("Auth/UserGrantRole", CallKind.Write, AuthUserGrantRoleResponse.Parser);

    public static readonly UnaryMethod<AuthUserRevokeRoleRequest, AuthUserRevokeRoleResponse> UserRevokeRole =
        new("Auth/UserRevokeRole", CallKind.Write, AuthUserRevokeRoleResponse.Parser);

    public static readonly UnaryMethod<AuthRoleAddRequest, AuthRoleAddResponse> RoleAdd =
        new("Auth/RoleAdd", CallKind.Write, AuthRoleAddResponse.Parser);

    public static readonly UnaryMethod<AuthRoleGetRequest, AuthRoleGetResponse> RoleGet =
        new("Auth/RoleGet", CallKind.Read, AuthRoleGetResponse.Parser);

    public static readonly UnaryMethod<AuthRoleListRequest, AuthRoleListResponse> RoleList =
        new("Auth/RoleList", CallKind.Read, AuthRoleListResponse.Parser);

    public static readonly UnaryMethod<AuthRoleDeleteRequest, AuthRoleDeleteResponse> RoleDelete =
        new("Auth/RoleDelete", CallKind.Write, AuthRoleDeleteResponse.Parser);

    public static readonly UnaryMethod<AuthRoleGrantPermissionRequest, AuthRoleGrantPermissionResponse> RoleGrantPermission =
        new("Auth/RoleGrantPermission", CallKind.Write, AuthRoleGrantPermissionResponse.Parser);

    public static readonly UnaryMethod<AuthRoleRevokePermissionRequest, AuthRoleRevokePermissionResponse> RoleRevokePermission =
        new("Auth/RoleRevokePermission", CallKind.Write, AuthRoleRevokePermissionResponse.Parser);
}
