using Granary.Mvcc.Keys;

namespace Granary.Log.Commits;

/// <summary>How a commit log founds a cluster and how much a crash may have to replay.</summary>
public sealed record CommitLogOptions
{
    /// <summary>The range map of a cluster that is founded now. One that exists keeps its own.</summary>
    public RangeMap InitialRanges { get; init; } = RangeMap.SplitAt([]);

    /// <summary>The term that begins now, its leader's id and the member that it is, if others decide them; null for the term behind the replica's.</summary>
    public (long Term, ulong LeaderId, ulong MemberId)? Leadership { get; init; }

    /// <summary>After so many bytes of log the replica is flushed, and the log before it is recycled.</summary>
    public long MaxReplayBytes { get; init; } = 32 << 20;

    /// <summary>Tells what the disk has room for; null where there is none to fill.</summary>
    public Func<DiskRoom>? Room { get; init; }
}
