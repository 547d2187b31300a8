using Google.Protobuf;
using Granary.Protos;
using Grpc.Net.Client;

namespace Granary.Benchmarks;

/// <summary>Loads keys as fast as a client may: txns of many puts, some of them in flight at a time.</summary>
internal static class Fill
{
    private const int PutsPerTxn = 100;
    private const int TxnsInFlight = 16;

    public static Task Run(GrpcChannel channel, IEnumerable<ByteString> keys, ReadOnlyMemory<byte> value)
    {
        var kv = new KV.KVClient(channel);
        var shared = ByteString.CopyFrom(value.Span);
        return Parallel.ForEachAsync(
            keys.Chunk(PutsPerTxn),
            new ParallelOptions { MaxDegreeOfParallelism = TxnsInFlight },
            async (chunk, token) =>
            {
                var txn = new TxnRequest();
                foreach (var key in chunk)
                {
                    txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = shared } });
                }

                await kv.TxnAsync(txn, cancellationToken: token);
            });
    }
}
