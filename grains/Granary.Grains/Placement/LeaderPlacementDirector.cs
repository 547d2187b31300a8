using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Granary.Grains.Placement;

/// <summary>Places the grains of the leader. With the log in this process, this silo is the leader of every term that it opens.</summary>
internal sealed class LeaderPlacementDirector(ILocalSiloDetails silo) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(silo.SiloAddress);
}
