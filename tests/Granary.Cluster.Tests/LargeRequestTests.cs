using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>How large a write may be is what <c>--max-request-bytes</c> says, as in etcd, and nothing else.</summary>
public sealed class LargeRequestTests
{
    private const int Puts = 90;
    private const int ValueBytes = 1 << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_txn_of_90_MiB_of_puts_is_taken_where_that_is_allowed_and_is_there_after_a_kill()
    {
        await using var server = await Server.Start(Product.Granary, Stop, $"--max-request-bytes={100 << 20}");
        var kv = new KV.KVClient(server.Channel);
        var written = await kv.TxnAsync(TxnOf(Puts), cancellationToken: Stop);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await kv.TxnAsync(TxnOf(Puts + 10), cancellationToken: Stop));
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: request is too large"), (refused.StatusCode, refused.Status.Detail));
        await server.Kill(Stop);

        await server.StartAgain(Stop);
        kv = new KV.KVClient(server.Channel);
        var there = await kv.RangeAsync(new RangeRequest { Key = Key(0), RangeEnd = Key(1000), CountOnly = true }, cancellationToken: Stop);
        Assert.Equal((Puts, written.Header.Revision), (there.Count, there.Header.Revision));
        Assert.Equal(Value(7), (await kv.RangeAsync(new RangeRequest { Key = Key(7) }, cancellationToken: Stop)).Kvs[0].Value);
    }

    private static TxnRequest TxnOf(int puts)
    {
        var txn = new TxnRequest();
        for (var i = 0; i < puts; i++)
        {
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Key(i), Value = Value(i) } });
        }

        return txn;
    }

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key/{number:D4}");

    private static ByteString Value(int number)
    {
        var bytes = new byte[ValueBytes];
        new Random(number).NextBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }
}
