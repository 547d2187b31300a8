namespace Granary.Server.Membership;

/// <summary>Which member of the cluster this server is.</summary>
/// <param name="id">Its id, as soon as it has one.</param>
internal sealed class MemberIdentity(Func<ulong> id)
{
    public ulong Id => id();
}
