using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Log.Commits;
using Granary.Mvcc.Keys;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>
/// Finds the grain that a request belongs to, by the range map and the lease slots: those that read are on this silo, the others belong to
/// the leader's term. A call to one of another silo follows at once, in the same method: it is marked as one write.
/// </summary>
internal sealed class GrainRouter(IGrainFactory grains, Replica replica)
{
    private volatile Route? _route;

    public RangeMap Map => replica.State.Ranges!;

    public IKeyRangeReaderGrain Reader(ByteString key)
    {
        var route = Of(_route?.Term ?? replica.State.Term);
        return route.Readers[route.Map.Find(key)];
    }

    public IKeyRangeGrain Writer(Leader leader, ByteString key)
    {
        var route = Of(leader);
        return route.Writers[route.Map.Find(key)];
    }

    /// <summary>The one range that a request needs, or null when it needs the coordinator.</summary>
    public IKeyRangeGrain? SoleWriter(Leader leader, IReadOnlyList<RangeId> touched)
    {
        if (touched.Count > 1)
        {
            return null;
        }

        var route = Of(leader);
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
    public ILeaseGrain Lease(Leader leader, long id) => Of(leader).LeaseSlots[LeaseGrainKey.SlotOf(id)];

    /// <summary>All grains that own times of leases, by slot.</summary>
    public IReadOnlyList<ILeaseGrain> LeaseSlots(Leader leader) => Of(leader).LeaseSlots;

    public IKeyspaceGrain Keyspace(Leader leader) => Of(leader).Keyspace;

    private Route Of(Leader leader)
    {
        ForwardedCalls.Mark(!leader.IsOwn);
        return Of(leader.Term);
    }

    private Route Of(long term)
    {
        var map = replica.State.Ranges!;
        var route = _route;
        return route is not null && route.Term == term && ReferenceEquals(route.Map, map) ? route : _route = new Route(grains, term, map);
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
