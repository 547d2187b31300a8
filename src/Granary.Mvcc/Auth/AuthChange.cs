namespace Granary.Mvcc.Auth;

/// <summary>What a change of users, roles or the switch comes to.</summary>
/// <param name="IsEnabled">Whether authentication is on from now on.</param>
/// <param name="Revision">The auth revision from now on.</param>
/// <param name="Entries">The users and roles that are other than before.</param>
public sealed record AuthChange(bool IsEnabled, ulong Revision, IReadOnlyList<AuthEntry> Entries);
