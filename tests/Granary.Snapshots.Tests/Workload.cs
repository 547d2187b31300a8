using Google.Protobuf;

namespace Granary.Snapshots.Tests;

/// <summary>Fills a server with what a database holds after a while: many keys, most put once, some often, deletes, txns, leases, a compaction.</summary>
internal static class Workload
{
    private const int PutsPerTxn = 100;
    private const int Parallel = 8;

    /// <returns>The compacted revision.</returns>
    public static async Task<long> Fill(Server server, int keys, int seed, CancellationToken cancellationToken)
    {
        var kv = new KV.KVClient(server.Channel);
        var random = new Random(seed);
        var values = Enumerable.Range(0, 64).Select(_ => ByteString.CopyFrom(RandomBytes(random))).ToArray();

        await System.Threading.Tasks.Parallel.ForEachAsync(
            Enumerable.Range(0, keys / PutsPerTxn),
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (part, token) =>
            {
                // Keys of a txn lie apart, and not in their order.
                var txn = new TxnRequest();
                for (var i = 0; i < PutsPerTxn; i++)
                {
                    txn.Success.Add(Put(Key((((PutsPerTxn - i) * (keys / PutsPerTxn)) + part) % keys), values[(part + i) % values.Length]));
                }

                await kv.TxnAsync(txn, cancellationToken: token);
            });

        await Change(kv, random, keys, values, cancellationToken);
        var compacted = (await kv.RangeAsync(new RangeRequest { Key = Key(0) }, cancellationToken: cancellationToken)).Header.Revision - 50;
        await kv.CompactAsync(new CompactionRequest { Revision = compacted, Physical = true }, cancellationToken: cancellationToken);
        await Change(kv, random, keys, values, cancellationToken);

        var leases = new Protos.Lease.LeaseClient(server.Channel);
        for (var id = 1; id <= 20; id++)
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 5000 + id }, cancellationToken: cancellationToken);
            for (var i = 0; i < id % 4; i++)
            {
                await kv.PutAsync(new PutRequest { Key = Key((id * 10) + i), Value = values[i], Lease = id }, cancellationToken: cancellationToken);
            }
        }

        await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 7 }, cancellationToken: cancellationToken);
        await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("large"), Value = ByteString.CopyFrom(new byte[1_000_000]) }, cancellationToken: cancellationToken);
        await kv.PutAsync(new PutRequest { Key = ByteString.CopyFrom(0, 255, 0) }, cancellationToken: cancellationToken);
        return compacted;
    }

    private static async Task Change(KV.KVClient kv, Random random, int keys, ByteString[] values, CancellationToken cancellationToken)
    {
        for (var i = 0; i < 300; i++)
        {
            var key = Key(random.Next(Math.Min(keys, 100)));
            switch (random.Next(4))
            {
                case 0:
                    await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = key }, cancellationToken: cancellationToken);
                    break;
                case 1:
                    var from = random.Next(keys);
                    var txn = new TxnRequest();
                    txn.Success.Add(Put(ByteString.CopyFromUtf8($"z{random.Next(50)}"), values[i % values.Length]));
                    txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(from), RangeEnd = Key(from + 5) } });
                    txn.Success.Add(Put(ByteString.CopyFromUtf8($"a{random.Next(50)}"), ByteString.Empty));
                    await kv.TxnAsync(txn, cancellationToken: cancellationToken);
                    break;
                default:
                    await kv.PutAsync(new PutRequest { Key = key, Value = values[random.Next(values.Length)] }, cancellationToken: cancellationToken);
                    break;
            }
        }
    }

    private static RequestOp Put(ByteString key, ByteString value) => new() { RequestPut = new PutRequest { Key = key, Value = value } };

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key/{number:D7}");

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        return bytes;
    }
}
