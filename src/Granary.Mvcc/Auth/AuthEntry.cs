using Google.Protobuf;
using Granary.Protos;

namespace Granary.Mvcc.Auth;

/// <summary>A user or a role as it is from now on.</summary>
/// <param name="Kind">Which of the two.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">A <see cref="User"/> or a <see cref="Role"/>; null when it is gone.</param>
public sealed record AuthEntry(AuthEntryKind Kind, string Name, IMessage? Value)
{
    internal static AuthEntry Of(User user) => new(AuthEntryKind.User, user.Name.ToStringUtf8(), user);

    internal static AuthEntry Of(Role role) => new(AuthEntryKind.Role, role.Name.ToStringUtf8(), role);
}
