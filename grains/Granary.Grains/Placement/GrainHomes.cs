using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Orleans.Runtime;

namespace Granary.Grains.Placement;

/// <summary>
/// Where grains live whose key says so. Nobody is asked: it needs neither a silo that owns a part of a directory nor the news that one
/// is dead, so the grains of a new leader are found as soon as it is known who that is.
/// </summary>
internal sealed class GrainHomes(ILeadership leadership, ILocalSiloDetails silo)
{
    /// <summary>The silo that leads the term of a grain's key; null when that is not known, or over.</summary>
    public SiloAddress? OfTerm(GrainId grain)
    {
        var leader = leadership.Leader;
        return leader.Term != KeyRangeGrainKey.Term(grain.Key.ToString()!) ? null
            : leader.IsOwn ? silo.SiloAddress
            : leader.Silo.Length > 0 ? SiloAddress.FromParsableString(leader.Silo)
            : null;
    }

    /// <summary>The silo that a grain's key names.</summary>
    public static SiloAddress OfSilo(GrainId grain) => SiloAddress.FromParsableString(grain.Key.ToString()!);
}
