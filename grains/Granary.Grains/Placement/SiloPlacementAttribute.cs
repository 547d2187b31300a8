using Orleans.Placement;
using Orleans.Runtime;

namespace Granary.Grains.Placement;

/// <summary>The grain lives on the silo whose address is its key.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SiloPlacementAttribute() : PlacementAttribute(SiloPlacementStrategy.Instance);

/// <summary>The strategy behind <see cref="SiloPlacementAttribute"/>.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking]
internal sealed class SiloPlacementStrategy : PlacementStrategy
{
    public static readonly SiloPlacementStrategy Instance = new();
}
