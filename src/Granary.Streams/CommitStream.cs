using Orleans.Runtime;

namespace Granary.Streams;

/// <summary>Names of the stream of commits. Every silo has its own, out of its own replica; all of them carry the same commits.</summary>
public static class CommitStream
{
    public const string ProviderName = "granary";

    private const string Namespace = "commits";

    /// <summary>The stream of one silo. A token of one silo's stream is good for every other's.</summary>
    public static StreamId Of(SiloAddress silo) => StreamId.Create(Namespace, silo.ToParsableString());
}
