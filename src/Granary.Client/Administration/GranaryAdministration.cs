using Granary.Client.Connections;
using Granary.Protos;
using PermissionType = Granary.Protos.Permission.Types.Type;

namespace Granary.Client;

/// <summary>The calls of an operator.</summary>
internal sealed class GranaryAdministration(ICalls calls) : IGranaryAdministration
{
    public async Task<IReadOnlyList<Member>> ListMembersAsync(CancellationToken cancellationToken) =>
        [.. (await calls.Ask(UnaryMethods.MemberList, new MemberListRequest { Linearizable = true }, cancellationToken).ConfigureAwait(false)).Members.Select(Member.Of)];

    public async Task<Member> AddMemberAsync(IEnumerable<string> peerUrls, bool isLearner, CancellationToken cancellationToken)
    {
        var request = new MemberAddRequest { PeerURLs = { peerUrls }, IsLearner = isLearner };
        return Member.Of((await calls.Ask(UnaryMethods.MemberAdd, request, cancellationToken).ConfigureAwait(false)).Member);
    }

    public Task RemoveMemberAsync(ulong memberId, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.MemberRemove, new MemberRemoveRequest { ID = memberId }, cancellationToken);

    public Task UpdateMemberAsync(ulong memberId, IEnumerable<string> peerUrls, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.MemberUpdate, new MemberUpdateRequest { ID = memberId, PeerURLs = { peerUrls } }, cancellationToken);

    public Task PromoteMemberAsync(ulong memberId, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.MemberPromote, new MemberPromoteRequest { ID = memberId }, cancellationToken);

    public Task MoveLeaderAsync(ulong memberId, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.MoveLeader, new MoveLeaderRequest { TargetID = memberId }, cancellationToken);

    public Task DefragmentAsync(CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.Defragment, new DefragmentRequest(), cancellationToken);

    public async Task<KeyspaceHash> HashKeysAsync(long revision, CancellationToken cancellationToken) =>
        KeyspaceHash.Of(await calls.Ask(UnaryMethods.HashKV, new HashKVRequest { Revision = revision }, cancellationToken).ConfigureAwait(false), revision);

    public async Task<uint> HashStoreAsync(CancellationToken cancellationToken) =>
        (await calls.Ask(UnaryMethods.Hash, new HashRequest(), cancellationToken).ConfigureAwait(false)).Hash;

    public async Task<IReadOnlyList<Alarm>> ListAlarmsAsync(CancellationToken cancellationToken)
    {
        var request = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get };
        return [.. (await calls.Ask(UnaryMethods.Alarm, request, cancellationToken).ConfigureAwait(false)).Alarms.Select(static alarm => new Alarm(alarm.MemberID, (AlarmKind)alarm.Alarm))];
    }

    public async Task<bool> DisarmAsync(Alarm alarm, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(alarm);
        var request = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberId, Alarm = (AlarmType)alarm.Kind };
        return (await calls.Ask(UnaryMethods.Alarm, request, cancellationToken).ConfigureAwait(false)).Alarms.Count > 0;
    }

    public async Task<bool> IsAuthenticationEnabledAsync(CancellationToken cancellationToken) =>
        (await calls.Ask(UnaryMethods.AuthStatus, new AuthStatusRequest(), cancellationToken).ConfigureAwait(false)).Enabled;

    public Task EnableAuthenticationAsync(CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.AuthEnable, new AuthEnableRequest(), cancellationToken);

    public Task DisableAuthenticationAsync(CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.AuthDisable, new AuthDisableRequest(), cancellationToken);

    public async Task<IReadOnlyList<string>> ListUsersAsync(CancellationToken cancellationToken) =>
        (await calls.Ask(UnaryMethods.UserList, new AuthUserListRequest(), cancellationToken).ConfigureAwait(false)).Users;

    public Task AddUserAsync(string name, string? password, CancellationToken cancellationToken) => calls.Ask(
        UnaryMethods.UserAdd,
        new AuthUserAddRequest { Name = name, Password = password ?? "", Options = new UserAddOptions { NoPassword = password is null } },
        cancellationToken);

    public Task RemoveUserAsync(string name, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.UserDelete, new AuthUserDeleteRequest { Name = name }, cancellationToken);

    public Task ChangePasswordAsync(string name, string password, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.UserChangePassword, new AuthUserChangePasswordRequest { Name = name, Password = password }, cancellationToken);

    public async Task<IReadOnlyList<string>> GetRolesOfAsync(string user, CancellationToken cancellationToken) =>
        (await calls.Ask(UnaryMethods.UserGet, new AuthUserGetRequest { Name = user }, cancellationToken).ConfigureAwait(false)).Roles;

    public Task GrantRoleAsync(string user, string role, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.UserGrantRole, new AuthUserGrantRoleRequest { User = user, Role = role }, cancellationToken);

    public Task RevokeRoleAsync(string user, string role, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.UserRevokeRole, new AuthUserRevokeRoleRequest { Name = user, Role = role }, cancellationToken);

    public async Task<IReadOnlyList<string>> ListRolesAsync(CancellationToken cancellationToken) =>
        (await calls.Ask(UnaryMethods.RoleList, new AuthRoleListRequest(), cancellationToken).ConfigureAwait(false)).Roles;

    public Task AddRoleAsync(string role, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.RoleAdd, new AuthRoleAddRequest { Name = role }, cancellationToken);

    public Task RemoveRoleAsync(string role, CancellationToken cancellationToken) =>
        calls.Ask(UnaryMethods.RoleDelete, new AuthRoleDeleteRequest { Role = role }, cancellationToken);

    public async Task<IReadOnlyList<Permission>> GetPermissionsAsync(string role, CancellationToken cancellationToken)
    {
        var response = await calls.Ask(UnaryMethods.RoleGet, new AuthRoleGetRequest { Role = role }, cancellationToken).ConfigureAwait(false);
        return [.. response.Perm.Select(static one => new Permission(KeyRange.Of(one.Key, one.RangeEnd), (PermissionKind)one.PermType))];
    }

    public Task GrantPermissionAsync(string role, Permission permission, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(permission);
        var granted = new Protos.Permission { PermType = (PermissionType)permission.Kind, Key = permission.Keys.Key.Wrapped, RangeEnd = permission.Keys.End.Wrapped };
        return calls.Ask(UnaryMethods.RoleGrantPermission, new AuthRoleGrantPermissionRequest { Name = role, Perm = granted }, cancellationToken);
    }

    public Task RevokePermissionAsync(string role, KeyRange keys, CancellationToken cancellationToken) => calls.Ask(
        UnaryMethods.RoleRevokePermission, new AuthRoleRevokePermissionRequest { Role = role, Key = keys.Key.Wrapped, RangeEnd = keys.End.Wrapped }, cancellationToken);
}
