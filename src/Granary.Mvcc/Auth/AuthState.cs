using System.Collections.Concurrent;
using System.Collections.Immutable;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Auth;

/// <summary>
/// Users, roles and whether authentication is on, at one auth revision. It never changes: <see cref="With"/> makes the next one. Its
/// messages are not to be changed either.
/// </summary>
public sealed class AuthState
{
    /// <summary>The user without whom authentication can't be on, and the role that may do anything.</summary>
    public const string Root = "root";

    public static readonly AuthState Initial = new(
        false, 1, 0, ImmutableDictionary<string, User>.Empty, ImmutableDictionary<string, Role>.Empty);

    private readonly ConcurrentDictionary<string, UserAccess> _access = new();

    private AuthState(
        bool isEnabled, ulong revision, ulong enabledAt, ImmutableDictionary<string, User> users, ImmutableDictionary<string, Role> roles)
    {
        IsEnabled = isEnabled;
        Revision = revision;
        EnabledAt = enabledAt;
        Users = users;
        Roles = roles;
    }

    public bool IsEnabled { get; }

    /// <summary>1 as long as nothing was changed.</summary>
    public ulong Revision { get; }

    /// <summary>The auth revision at which authentication was last turned on, or at which the process found it on.</summary>
    public ulong EnabledAt { get; }

    /// <summary>By name.</summary>
    public ImmutableDictionary<string, User> Users { get; }

    /// <summary>By name.</summary>
    public ImmutableDictionary<string, Role> Roles { get; }

    /// <summary>The state after a change.</summary>
    public AuthState With(AuthChange change)
    {
        var users = Users.ToBuilder();
        var roles = Roles.ToBuilder();
        foreach (var entry in change.Entries)
        {
            switch (entry.Value)
            {
                case User user:
                    users[entry.Name] = user;
                    break;
                case Role role:
                    roles[entry.Name] = role;
                    break;
                default:
                    _ = entry.Kind == AuthEntryKind.User ? users.Remove(entry.Name) : roles.Remove(entry.Name);
                    break;
            }
        }

        return new AuthState(
            change.IsEnabled,
            change.Revision,
            change.IsEnabled && !IsEnabled ? change.Revision : EnabledAt,
            users.ToImmutable(),
            roles.ToImmutable());
    }

    /// <summary>What a user may do, or null when there is no such user. Found once for each auth revision.</summary>
    public UserAccess? AccessOf(string name)
    {
        if (_access.TryGetValue(name, out var access))
        {
            return access;
        }

        return Users.TryGetValue(name, out var user) ? _access.GetOrAdd(name, NewAccess(user)) : null;
    }

    private UserAccess NewAccess(User user)
    {
        var permissions = user.Roles.SelectMany(name => Roles.TryGetValue(name, out var role) ? role.KeyPermission.AsEnumerable() : []).ToList();
        return new UserAccess(user.Roles.Contains(Root), Union(Permission.Types.Type.Read), Union(Permission.Types.Type.Write));

        KeyIntervals Union(Permission.Types.Type kind) => KeyIntervals.Union(permissions
            .Where(permission => permission.PermType == kind || permission.PermType == Permission.Types.Type.Readwrite)
            .Select(static permission => new KeyRange(permission.Key, permission.RangeEnd)));
    }
}
