namespace Granary.Client;

/// <summary>A member of the cluster.</summary>
/// <param name="Id">By which it is known.</param>
/// <param name="Name">Its name; empty until it has been started.</param>
/// <param name="PeerUrls">Where other members find it.</param>
/// <param name="ClientUrls">Where clients find it.</param>
/// <param name="IsLearner">Whether it follows only.</param>
public sealed record Member(ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls, bool IsLearner)
{
    internal static Member Of(Protos.Member member) => new(member.ID, member.Name, [.. member.PeerURLs], [.. member.ClientURLs], member.IsLearner);
}
