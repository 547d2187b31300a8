using Granary.Grains.Leases;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>Finds the grain that owns the time of a lease, in the current term.</summary>
internal sealed class LeaseRouter(IGrainFactory grains, Replica replica)
{
    private volatile Route? _route;

    public ILeaseGrain Of(long lease) => Slot(LeaseGrainKey.SlotOf(lease));

    public ILeaseGrain Slot(int slot)
    {
        var term = replica.State.Term;
        var route = _route;
        return (route is not null && route.Term == term ? route : _route = new Route(grains, term)).Slots[slot];
    }

    private sealed class Route(IGrainFactory grains, long term)
    {
        public long Term => term;

        public ILeaseGrain[] Slots { get; } =
            [.. Enumerable.Range(0, LeaseGrainKey.Slots).Select(slot => grains.GetGrain<ILeaseGrain>(LeaseGrainKey.Of(term, slot)))];
    }
}
