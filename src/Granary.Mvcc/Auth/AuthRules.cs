using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Auth;

/// <summary>
/// Decides what becomes of a request to change users, roles or the switch: pure, and the only place that knows etcd's rules for it.
/// Passwords come as hashes: hashing takes too long for here.
/// </summary>
public static class AuthRules
{
    /// <summary>What the request comes to; null when it changes nothing.</summary>
    /// <param name="state">The state before it.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="request">One of the Auth service's messages.</param>
    /// <param name="passwordHash">The bcrypt hash of the password that the request names; empty for a user without one.</param>
    /// <exception cref="EtcdException">It is refused.</exception>
    public static AuthChange? Decide(AuthState state, Caller caller, IMessage request, ByteString passwordHash)
    {
        EtcdException.ThrowIf(AccessRules.CheckAdmin(state, caller));
        return request switch
        {
            AuthEnableRequest => Enable(state),
            AuthDisableRequest => state.IsEnabled ? new AuthChange(false, state.Revision + 1, []) : null,
            AuthUserAddRequest add => AddUser(state, add, passwordHash),
            AuthUserDeleteRequest delete => DeleteUser(state, delete),
            AuthUserChangePasswordRequest change => ChangePassword(state, change, passwordHash),
            AuthUserGrantRoleRequest grant => GrantRole(state, grant),
            AuthUserRevokeRoleRequest revoke => RevokeRole(state, revoke),
            AuthRoleAddRequest add => AddRole(state, add),
            AuthRoleDeleteRequest delete => DeleteRole(state, delete),
            AuthRoleGrantPermissionRequest grant => GrantPermission(state, grant),
            AuthRoleRevokePermissionRequest revoke => RevokePermission(state, revoke),
            _ => throw new ArgumentException($"{request.Descriptor.Name} changes no user or role.", nameof(request)),
        };
    }

    /// <summary>The roles of a user, which everybody may ask for of themselves.</summary>
    /// <exception cref="EtcdException">It is refused.</exception>
    public static AuthUserGetResponse Get(AuthState state, Caller caller, AuthUserGetRequest request)
    {
        if (AccessRules.CheckAdmin(state, caller) is { } error && request.Name != (caller.User ?? ""))
        {
            throw new EtcdException(error);
        }

        return new AuthUserGetResponse { Roles = { User(state, request.Name).Roles } };
    }

    /// <summary>The permissions of a role, which those who have it may ask for.</summary>
    /// <exception cref="EtcdException">It is refused.</exception>
    public static AuthRoleGetResponse Get(AuthState state, Caller caller, AuthRoleGetRequest request)
    {
        if (AccessRules.CheckAdmin(state, caller) is { } error
            && !(state.Users.TryGetValue(caller.User ?? "", out var user) && user.Roles.Contains(request.Role)))
        {
            throw new EtcdException(error);
        }

        return new AuthRoleGetResponse { Perm = { Role(state, request.Role).KeyPermission } };
    }

    /// <exception cref="EtcdException">It is refused.</exception>
    public static AuthUserListResponse List(AuthState state, Caller caller, AuthUserListRequest request)
    {
        EtcdException.ThrowIf(AccessRules.CheckAdmin(state, caller));
        return new AuthUserListResponse { Users = { Sorted(state.Users.Keys) } };
    }

    /// <exception cref="EtcdException">It is refused.</exception>
    public static AuthRoleListResponse List(AuthState state, Caller caller, AuthRoleListRequest request)
    {
        EtcdException.ThrowIf(AccessRules.CheckAdmin(state, caller));
        return new AuthRoleListResponse { Roles = { Sorted(state.Roles.Keys) } };
    }

    private static AuthChange? Enable(AuthState state)
    {
        if (state.IsEnabled)
        {
            return null;
        }

        EtcdException.ThrowIf(!state.Users.TryGetValue(AuthState.Root, out var root) ? EtcdError.RootUserNotFound
            : !root.Roles.Contains(AuthState.Root) ? EtcdError.RootRoleNotFound
            : null);
        return new AuthChange(true, state.Revision, []);
    }

    private static AuthChange AddUser(AuthState state, AuthUserAddRequest request, ByteString passwordHash)
    {
        EtcdException.ThrowIf(request.Name.Length == 0 ? EtcdError.UserEmpty
            : state.Users.ContainsKey(request.Name) ? EtcdError.UserExists
            : null);
        return Next(state, AuthEntry.Of(new User
        {
            Name = ByteString.CopyFromUtf8(request.Name),
            Password = passwordHash,
            Options = request.Options ?? new UserAddOptions(),
        }));
    }

    private static AuthChange DeleteUser(AuthState state, AuthUserDeleteRequest request)
    {
        EtcdException.ThrowIf(state.IsEnabled && request.Name == AuthState.Root ? EtcdError.InvalidAuthManagement : null);
        User(state, request.Name);
        return Next(state, new AuthEntry(AuthEntryKind.User, request.Name, null));
    }

    private static AuthChange ChangePassword(AuthState state, AuthUserChangePasswordRequest request, ByteString passwordHash)
    {
        var user = User(state, request.Name).Clone();
        user.Password = user.Options?.NoPassword is true ? ByteString.Empty : passwordHash;
        return Next(state, AuthEntry.Of(user));
    }

    private static AuthChange? GrantRole(AuthState state, AuthUserGrantRoleRequest request)
    {
        var user = User(state, request.User);
        EtcdException.ThrowIf(request.Role != AuthState.Root && !state.Roles.ContainsKey(request.Role) ? EtcdError.RoleNotFound : null);
        return user.Roles.Contains(request.Role) ? null : Next(state, AuthEntry.Of(WithRoles(user, user.Roles.Append(request.Role))));
    }

    private static AuthChange RevokeRole(AuthState state, AuthUserRevokeRoleRequest request)
    {
        EtcdException.ThrowIf(state.IsEnabled && request.Name == AuthState.Root && request.Role == AuthState.Root ? EtcdError.InvalidAuthManagement : null);
        var user = User(state, request.Name);
        EtcdException.ThrowIf(user.Roles.Contains(request.Role) ? null : EtcdError.RoleNotGranted);
        return Next(state, AuthEntry.Of(Without(user, request.Role)));
    }

    private static AuthChange AddRole(AuthState state, AuthRoleAddRequest request)
    {
        EtcdException.ThrowIf(request.Name.Length == 0 ? EtcdError.RoleEmpty
            : state.Roles.ContainsKey(request.Name) ? EtcdError.RoleExists
            : null);
        return Next(state, AuthEntry.Of(new Role { Name = ByteString.CopyFromUtf8(request.Name) }));
    }

    private static AuthChange DeleteRole(AuthState state, AuthRoleDeleteRequest request)
    {
        EtcdException.ThrowIf(state.IsEnabled && request.Role == AuthState.Root ? EtcdError.InvalidAuthManagement : null);
        Role(state, request.Role);
        return Next(
            state,
            [
                new AuthEntry(AuthEntryKind.Role, request.Role, null),
                .. state.Users.Values.Where(user => user.Roles.Contains(request.Role)).Select(user => AuthEntry.Of(Without(user, request.Role))),
            ]);
    }

    private static AuthChange GrantPermission(AuthState state, AuthRoleGrantPermissionRequest request)
    {
        EtcdException.ThrowIf(request.Perm is null ? EtcdError.PermissionNotGiven
            : request.Perm.Key.IsEmpty || new KeyRange(request.Perm.Key, request.Perm.RangeEnd).IsEmpty ? EtcdError.InvalidAuthManagement
            : null);
        var role = Role(state, request.Name).Clone();
        if (role.KeyPermission.FirstOrDefault(held => held.Key == request.Perm!.Key && held.RangeEnd == request.Perm.RangeEnd) is { } same)
        {
            same.PermType = request.Perm!.PermType;
            return Next(state, AuthEntry.Of(role));
        }

        var place = role.KeyPermission.TakeWhile(held => KeyRange.Compare(held.Key, request.Perm!.Key) <= 0).Count();
        role.KeyPermission.Insert(place, request.Perm);
        return Next(state, AuthEntry.Of(role));
    }

    private static AuthChange RevokePermission(AuthState state, AuthRoleRevokePermissionRequest request)
    {
        var role = Role(state, request.Role);
        var left = role.KeyPermission.Where(held => held.Key != request.Key || held.RangeEnd != request.RangeEnd).ToList();
        EtcdException.ThrowIf(left.Count == role.KeyPermission.Count ? EtcdError.PermissionNotGranted : null);
        return Next(state, AuthEntry.Of(new Role { Name = role.Name, KeyPermission = { left } }));
    }

    private static AuthChange Next(AuthState state, params IReadOnlyList<AuthEntry> entries) => new(state.IsEnabled, state.Revision + 1, entries);

    private static User User(AuthState state, string name) =>
        state.Users.TryGetValue(name, out var user) ? user : throw new EtcdException(EtcdError.UserNotFound);

    private static Role Role(AuthState state, string name) =>
        state.Roles.TryGetValue(name, out var role) ? role : throw new EtcdException(EtcdError.RoleNotFound);

    private static User Without(User user, string role) => WithRoles(user, user.Roles.Where(held => held != role));

    private static User WithRoles(User user, IEnumerable<string> roles)
    {
        var sorted = Sorted(roles);
        var changed = user.Clone();
        changed.Roles.Clear();
        changed.Roles.AddRange(sorted);
        return changed;
    }

    // By their bytes, as Go does: UTF-16 puts some characters elsewhere.
    private static List<string> Sorted(IEnumerable<string> names) =>
        [.. names.Select(ByteString.CopyFromUtf8).Order(KeyComparer.Instance).Select(static name => name.ToStringUtf8())];
}
