using Orleans.Placement;
using Orleans.Runtime;

namespace Granary.Grains.Placement;

/// <summary>The grain lives on the silo that leads the term which its key names.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class LeaderPlacementAttribute() : PlacementAttribute(LeaderPlacementStrategy.Instance);

/// <summary>The strategy behind <see cref="LeaderPlacementAttribute"/>.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking]
internal sealed class LeaderPlacementStrategy : PlacementStrategy
{
    public static readonly LeaderPlacementStrategy Instance = new();
}
