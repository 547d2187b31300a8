using System.Collections.Concurrent;
using Granary.Protos;

namespace Granary.Server.Import;

/// <summary>Asks a server for the times to live that its leases were granted.</summary>
internal sealed class LeaseTimes(EtcdEndpoint source, Retries retries)
{
    private const int Parallel = 32;

    private readonly ConcurrentDictionary<long, long> _found = [];

    /// <summary>Seconds by id, of those that were there.</summary>
    public Dictionary<long, long> Found => new(_found);

    /// <summary>Asks for all of these that are not known yet; false when one of them was not there any more.</summary>
    public async Task<bool> Ask(IEnumerable<long> leases, CancellationToken cancellationToken)
    {
        var isGone = 0;
        await System.Threading.Tasks.Parallel.ForEachAsync(
            leases.Where(id => !_found.ContainsKey(id)),
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (id, stop) =>
            {
                var lease = await retries.Run(
                    async () => await source.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id }, cancellationToken: stop), stop);
                if (lease.TTL < 0)
                {
                    Interlocked.Exchange(ref isGone, 1);
                }
                else
                {
                    _found[id] = lease.GrantedTTL;
                }
            });
        return isGone == 0;
    }
}
