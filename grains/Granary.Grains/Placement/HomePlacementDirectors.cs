using Granary.Mvcc.Errors;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Granary.Grains.Placement;

/// <summary>Places the grains of a term with its leader.</summary>
internal sealed class LeaderPlacementDirector(GrainHomes homes) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(homes.OfTerm(target.GrainIdentity) ?? throw new EtcdException(EtcdError.LeaderChanged));
}

/// <summary>Places the grains of a silo there.</summary>
internal sealed class SiloPlacementDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(GrainHomes.OfSilo(target.GrainIdentity));
}
