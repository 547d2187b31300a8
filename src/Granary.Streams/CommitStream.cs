using Orleans.Runtime;

namespace Granary.Streams;

/// <summary>
/// Names of the streams of commits. Every silo has its own, out of its own replica; all of them carry the same commits. Each silo has two: one
/// that any grain may subscribe to, and one for its watches, which nobody has to be told of.
/// </summary>
public static class CommitStream
{
    /// <summary>The provider for any grain. Who has subscribed is noted in a grain, which may be on any silo, and may be lost with it.</summary>
    public const string ProviderName = "granary";

    /// <summary>The provider for the silo's own watches: its one subscriber follows from the stream's name, and depends on no other silo.</summary>
    public const string WatchProviderName = "granary-watches";

    /// <summary>The namespace of the streams for watches.</summary>
    public const string WatchNamespace = "granary-watches";

    private const string Namespace = "commits";

    /// <summary>The stream of one silo. A token of one silo's stream is good for every other's.</summary>
    public static StreamId Of(SiloAddress silo) => StreamId.Create(Namespace, silo.ToParsableString());

    /// <summary>The stream of one silo for its watches.</summary>
    public static StreamId WatchesOf(SiloAddress silo) => StreamId.Create(WatchNamespace, silo.ToParsableString());
}
