using System.Collections.Concurrent;
using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Log.Commits;
using Granary.Mvcc.Keys;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>
/// Finds the grain that a request belongs to, by the range map and the lease slots: those that read are on this silo, the others belong to
/// the leader's term. A call to one of another silo follows at once, in the same method: it is marked as one write. Counts by range what was looked for.
/// </summary>
internal sealed class GrainRouter(IGrainFactory grains, Replica replica)
{
    // Routes come and go with the term.
    private readonly ConcurrentDictionary<RangeId, RangeLoad> _loads = new();
    private volatile Route? _route;

    public RangeMap Map => replica.State.Ranges!;

    public IKeyRangeReaderGrain Reader(ByteString key)
    {
        var route = Of(_route?.Term ?? replica.State.Term);
        var position = route.Map.Find(key);
        route.Loads[position].CountRead();
        return route.Readers[position];
    }

    public IKeyRangeGrain Writer(Leader leader, ByteString key)
    {
        var route = Of(leader);
        var position = route.Map.Find(key);
        route.Loads[position].CountWrite();
        return route.Writers[position];
    }

    /// <summary>The one range that a request needs, or null when it needs the coordinator.</summary>
    /// <param name="leader">Whom the range belongs to.</param>
    /// <param name="touched">What the request touches, in key order.</param>
    public IKeyRangeGrain? SoleWriter(Leader leader, IReadOnlyList<RangeId> touched)
    {
        var route = Of(leader);
        IKeyRangeGrain? last = null;
        var found = 0;
        for (var i = 0; i < route.Map.Count && found < touched.Count; i++)
        {
            if (route.Map.IdAt(i) == touched[found])
            {
                route.Loads[i].CountWrite();
                last = route.Writers[i];
                found++;
            }
        }

        return touched.Count == 1 ? last : null;
    }

    /// <summary>What was asked of a range since the start.</summary>
    public RangeLoad Load(RangeId id) => _loads.GetOrAdd(id, static _ => new RangeLoad());

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
        return route is not null && route.Term == term && ReferenceEquals(route.Map, map)
            ? route
            : _route = new Route(grains, term, map, [.. Enumerable.Range(0, map.Count).Select(i => Load(map.IdAt(i)))]);
    }

    private sealed class Route(IGrainFactory grains, long term, RangeMap map, RangeLoad[] loads)
    {
        public long Term => term;

        public RangeMap Map => map;

        public RangeLoad[] Loads => loads;

        public IKeyRangeGrain[] Writers { get; } =
            [.. Enumerable.Range(0, map.Count).Select(i => grains.GetGrain<IKeyRangeGrain>(KeyRangeGrainKey.Of(term, map.IdAt(i))))];

        public IKeyRangeReaderGrain[] Readers { get; } =
            [.. Enumerable.Range(0, map.Count).Select(i => grains.GetGrain<IKeyRangeReaderGrain>(map.IdAt(i).Value))];

        public ILeaseGrain[] LeaseSlots { get; } =
            [.. Enumerable.Range(0, LeaseGrainKey.Slots).Select(slot => grains.GetGrain<ILeaseGrain>(LeaseGrainKey.Of(term, slot)))];

        public IKeyspaceGrain Keyspace { get; } = grains.GetGrain<IKeyspaceGrain>(KeyRangeGrainKey.OfKeyspace(term));
    }
}
