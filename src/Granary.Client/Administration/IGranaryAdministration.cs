namespace Granary.Client;

/// <summary>What an operator does: members of the cluster, alarms, space, users and what they may do. With authentication on, most of it is for users of the role <c>root</c>.</summary>
/// <remarks>Each throws <see cref="GranaryException"/> where it is refused, or has no answer.</remarks>
public interface IGranaryAdministration
{
    /// <summary>The members of the cluster.</summary>
    Task<IReadOnlyList<Member>> ListMembersAsync(CancellationToken cancellationToken = default);

    /// <summary>Lets another member join.</summary>
    /// <param name="peerUrls">Where others will find it.</param>
    /// <param name="isLearner">Whether it follows only, and has no voice.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The member; it has a name once it has been started.</returns>
    Task<Member> AddMemberAsync(IEnumerable<string> peerUrls, bool isLearner = false, CancellationToken cancellationToken = default);

    /// <summary>Removes a member, which ends.</summary>
    Task RemoveMemberAsync(ulong memberId, CancellationToken cancellationToken = default);

    /// <summary>Says where others find a member.</summary>
    Task UpdateMemberAsync(ulong memberId, IEnumerable<string> peerUrls, CancellationToken cancellationToken = default);

    /// <summary>Makes a learner a member like the others.</summary>
    Task PromoteMemberAsync(ulong memberId, CancellationToken cancellationToken = default);

    /// <summary>Has another member lead. Only the leader can do that: of several servers each is asked until one is it. A client within the cluster asks its own silo.</summary>
    /// <param name="memberId">Who is to lead; a learner cannot.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task MoveLeaderAsync(ulong memberId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives the space of what is deleted and compacted back to the disk, on the server that is asked: one of the client's, so each member needs a client of
    /// its own. An etcd does nothing else meanwhile.
    /// </summary>
    /// <remarks>Of a large store it takes minutes: the client's <see cref="GranaryClientOptions.CallTimeout"/> has to allow them. When that is over, the server goes on.</remarks>
    Task DefragmentAsync(CancellationToken cancellationToken = default);

    /// <summary>A checksum of all pairs as they are at a revision, on the server that is asked.</summary>
    /// <param name="revision">The revision; 0: the newest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="CompactedException">The revision is compacted.</exception>
    Task<KeyspaceHash> HashKeysAsync(long revision = 0, CancellationToken cancellationToken = default);

    /// <summary>
    /// A checksum of all that the server has stored which is asked. It changes with every write: servers are compared by
    /// <see cref="HashKeysAsync(long, CancellationToken)"/>.
    /// </summary>
    Task<uint> HashStoreAsync(CancellationToken cancellationToken = default);

    /// <summary>The alarms that are up.</summary>
    Task<IReadOnlyList<Alarm>> ListAlarmsAsync(CancellationToken cancellationToken = default);

    /// <summary>Takes an alarm down.</summary>
    /// <returns>Whether it was up.</returns>
    Task<bool> DisarmAsync(Alarm alarm, CancellationToken cancellationToken = default);

    /// <summary>Whether calls are asked who makes them.</summary>
    Task<bool> IsAuthenticationEnabledAsync(CancellationToken cancellationToken = default);

    /// <summary>Has all calls asked who makes them. There is a user <c>root</c> with the role <c>root</c> before.</summary>
    Task EnableAuthenticationAsync(CancellationToken cancellationToken = default);

    /// <summary>Has nobody asked any more.</summary>
    Task DisableAuthenticationAsync(CancellationToken cancellationToken = default);

    /// <summary>The names of all users.</summary>
    Task<IReadOnlyList<string>> ListUsersAsync(CancellationToken cancellationToken = default);

    /// <summary>Adds a user.</summary>
    /// <param name="name">The user's name.</param>
    /// <param name="password">The password; null: the user is known by a certificate alone.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task AddUserAsync(string name, string? password, CancellationToken cancellationToken = default);

    /// <summary>Removes a user.</summary>
    Task RemoveUserAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Gives a user another password.</summary>
    Task ChangePasswordAsync(string name, string password, CancellationToken cancellationToken = default);

    /// <summary>The roles that a user has.</summary>
    Task<IReadOnlyList<string>> GetRolesOfAsync(string user, CancellationToken cancellationToken = default);

    /// <summary>Gives a user a role.</summary>
    Task GrantRoleAsync(string user, string role, CancellationToken cancellationToken = default);

    /// <summary>Takes a role from a user.</summary>
    Task RevokeRoleAsync(string user, string role, CancellationToken cancellationToken = default);

    /// <summary>The names of all roles.</summary>
    Task<IReadOnlyList<string>> ListRolesAsync(CancellationToken cancellationToken = default);

    /// <summary>Adds a role, which may do nothing yet.</summary>
    Task AddRoleAsync(string role, CancellationToken cancellationToken = default);

    /// <summary>Removes a role, also from the users who have it.</summary>
    Task RemoveRoleAsync(string role, CancellationToken cancellationToken = default);

    /// <summary>What a role may do.</summary>
    Task<IReadOnlyList<Permission>> GetPermissionsAsync(string role, CancellationToken cancellationToken = default);

    /// <summary>Lets a role do something; the same keys may have been permitted otherwise before.</summary>
    Task GrantPermissionAsync(string role, Permission permission, CancellationToken cancellationToken = default);

    /// <summary>Takes a permission from a role: the one of exactly these keys.</summary>
    Task RevokePermissionAsync(string role, KeyRange keys, CancellationToken cancellationToken = default);
}
