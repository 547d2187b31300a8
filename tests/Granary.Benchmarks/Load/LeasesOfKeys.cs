using Granary.Protos;

namespace Granary.Benchmarks.Load;

/// <summary>The leases that the keys of a key space are attached to: one for some keys each, as Kubernetes has it for its events.</summary>
internal sealed class LeasesOfKeys
{
    private const int KeysPerLease = 50;
    private const int GrantsAtOnce = 16;

    // Longer than any load.
    private const long TtlSeconds = 6 * 3600;

    private readonly long[] _leases;

    private LeasesOfKeys(int leases) => _leases = new long[leases];

    /// <summary>Grants the leases and puts every key with its own.</summary>
    /// <param name="connections">Share it.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="revisions">Gets the mod revision of each key.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<LeasesOfKeys> Attach(Connection[] connections, KeySpace keys, long[] revisions, CancellationToken cancellationToken)
    {
        var leases = new LeasesOfKeys((keys.Count + KeysPerLease - 1) / KeysPerLease);
        await ManyClients.ForEach(
            GrantsAtOnce,
            leases._leases.Length,
            async (client, number) =>
            {
                var connection = connections[client % connections.Length];
                var lease = (await connection.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = TtlSeconds }, cancellationToken: cancellationToken)).ID;
                leases._leases[number] = lease;
                var first = number * KeysPerLease;
                var count = Math.Min(KeysPerLease, keys.Count - first);
                var puts = new TxnRequest();
                for (var i = first; i < first + count; i++)
                {
                    puts.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Key(i), Value = keys.Value(i), Lease = lease } });
                }

                var put = await connection.Kv.TxnAsync(puts, cancellationToken: cancellationToken);
                revisions.AsSpan(first, count).Fill(put.Header.Revision);
            },
            cancellationToken);
        return leases;
    }

    /// <summary>The lease of a key.</summary>
    public long Of(int index) => _leases[index / KeysPerLease];
}
