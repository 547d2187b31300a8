using Granary.Protos;

namespace Granary.Benchmarks.Load;

/// <summary>Puts every key of a key space once, as fast as the server takes them.</summary>
internal static class Fill
{
    // etcd takes at most 128 operations in a txn.
    private const int PutsPerTxn = 100;
    private const int TxnsInFlight = 16;
    private const int Connections = 4;

    public static async Task Run(Uri endpoint, KeySpace keys, CancellationToken cancellationToken)
    {
        var connections = Connection.Open(endpoint, Connections);
        try
        {
            var next = 0;
            await Task.WhenAll(Enumerable.Range(0, TxnsInFlight).Select(i => Task.Run(
                async () =>
                {
                    var kv = connections[i % Connections].Kv;
                    for (var first = Take(); first < keys.Count; first = Take())
                    {
                        using var call = kv.TxnAsync(Puts(keys, first), cancellationToken: cancellationToken);
                        await call.ResponseAsync;
                    }
                },
                cancellationToken)));

            int Take() => Interlocked.Add(ref next, PutsPerTxn) - PutsPerTxn;
        }
        finally
        {
            foreach (var connection in connections)
            {
                connection.Dispose();
            }
        }
    }

    private static TxnRequest Puts(KeySpace keys, int first)
    {
        var txn = new TxnRequest();
        for (var i = first; i < Math.Min(first + PutsPerTxn, keys.Count); i++)
        {
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Key(i), Value = keys.Value(i) } });
        }

        return txn;
    }
}
