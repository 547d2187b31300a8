using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Mvcc.Keys;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>Finds the grain that a request belongs to, by the range map and the lease slots of the current term.</summary>
internal sealed class GrainRouter(IGrainFactory grains, Replica replica)
{
    private volatile Route? _route;

    public IKeyRangeReaderGrain Reader(ByteString key)
    {
        var route = Current();
        return route.Readers[route.Map.Find(key)];
    }

    public IKeyRangeGrain Writer(ByteString key)
    {
        var route = Current();
        return route.Writers[route.Map.Find(key)];
    }

    /// <summary>The one range that a request needs, or null when it needs the coordinator.</summary>
    public IKeyRangeGrain? SoleWriter(IReadOnlyList<RangeId> touched)
    {
        if (touched.Count > 1)
        {
            return null;
        }

        var route = Current();
        for (var i = 0; i < route.Map.Count; i++)
        {
            if (route.Map.IdAt(i) == touched[0])
            {
                return route.Writers[i];
            }
        }

        return null;
    }

    /// <summary>The grain that owns the time of a lease.</summary>
    public ILeaseGrain Lease(long id) => Current().LeaseSlots[LeaseGrainKey.SlotOf(id)];

    /// <summary>All grains that own times of leases, by slot.</summary>
    public IReadOnlyList<ILeaseGrain> LeaseSlots => Current().LeaseSlots;

    public IKeyspaceGrain Keyspace() => Current().Keyspace;

    public RangeMap Map => Current().Map;

    private Route Current()
    {
        var state = replica.State;
        var route = _route;
        return route is not null && route.Term == state.Term && ReferenceEquals(route.Map, state.Ranges)
            ? route
            : _route = new Route(grains, state.Term, state.Ranges!);
    }

    private sealed class Route(IGrainFactory grains, long term, RangeMap map)
    {
        public long Term => term;

        public RangeMap Map => map;

        public IKeyRangeGrain[] Writers { get; } =
            [.. Enumerable.Range(0, map.Count).Select(i => grains.GetGrain<IKeyRangeGrain>(KeyRangeGrainKey.Of(term, map.IdAt(i))))];

        public IKeyRangeReaderGrain[] Readers { get; } =
            [.. Enumerable.Range(0, map.Count).Select(i => grains.GetGrain<IKeyRangeReaderGrain>(map.IdAt(i).Value))];

        public ILeaseGrain[] LeaseSlots { get; } =
            [.. Enumerable.Range(0, LeaseGrainKey.Slots).Select(slot => grains.GetGrain<ILeaseGrain>(LeaseGrainKey.Of(term, slot)))];

        public IKeyspaceGrain Keyspace { get; } = grains.GetGrain<IKeyspaceGrain>(KeyRangeGrainKey.OfKeyspace(term));
    }
}
