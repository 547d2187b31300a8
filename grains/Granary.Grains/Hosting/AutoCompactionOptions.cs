namespace Granary.Grains.Hosting;

/// <summary>What a server compacts by itself; at most one of the two.</summary>
public sealed record AutoCompactionOptions
{
    /// <summary>History of so long stays; zero for all.</summary>
    public TimeSpan RetentionPeriod { get; init; }

    /// <summary>So many revisions stay; 0 for all.</summary>
    public long RetentionRevisions { get; init; }
}
