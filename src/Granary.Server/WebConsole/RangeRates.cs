using Google.Protobuf;
using Granary.Mvcc.Keys;
using Granary.Server.Facade;
using Granary.Storage.Replicas;

namespace Granary.Server.WebConsole;

/// <summary>What each range of the keyspace has to do: of the newest sample only, since there may be many ranges.</summary>
internal sealed class RangeRates(Replica replica, GrainRouter router)
{
    private readonly Dictionary<RangeId, (Rate Reads, Rate Writes)> _rates = [];
    private volatile IReadOnlyList<RangeRate> _latest = [];

    /// <summary>All ranges, in key order; none as long as there is no keyspace.</summary>
    public IReadOnlyList<RangeRate> Latest => _latest;

    /// <summary>Takes the newest sample. For one caller at a time.</summary>
    /// <param name="elapsed">Since the one before.</param>
    public void Measure(TimeSpan elapsed)
    {
        if (replica.State.Ranges is { } map)
        {
            _latest = [.. Enumerable.Range(0, map.Count).Select(at => Next(map, at, elapsed))];
        }
    }

    private RangeRate Next(RangeMap map, int position, TimeSpan elapsed)
    {
        var id = map.IdAt(position);
        if (!_rates.TryGetValue(id, out var rates))
        {
            var load = router.Load(id);
            _rates[id] = rates = (new Rate(() => load.Reads), new Rate(() => load.Writes));
        }

        return new RangeRate(map.StartAt(position), rates.Reads.Next(elapsed), rates.Writes.Next(elapsed));
    }
}

/// <param name="Start">The first key that the range may have.</param>
/// <param name="Reads">Per second; one that spans ranges counts where it begins.</param>
/// <param name="Writes">Per second, deletions and txns included; one that touches several ranges counts in each.</param>
internal readonly record struct RangeRate(ByteString Start, float Reads, float Writes);
