using dotnet_etcd;
using Etcdserverpb;

namespace Granary.Conformance.Tests;

/// <summary>The dotnet-etcd package as it is, against both.</summary>
public sealed class DotnetEtcdTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task It_puts_gets_deletes_and_runs_txns()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var client = new EtcdClient(server.Address, configureChannelOptions: options => options.Credentials = Grpc.Core.ChannelCredentials.Insecure);
            await client.PutAsync("dotnet/a", "1", cancellationToken: Cancellation);
            await client.PutAsync("dotnet/b", "2", cancellationToken: Cancellation);
            Assert.Equal("1", await client.GetValAsync("dotnet/a", cancellationToken: Cancellation));
            Assert.Equal(["dotnet/a", "dotnet/b"], (await client.GetRangeValAsync("dotnet/", cancellationToken: Cancellation)).Keys.Order());

            var key = Google.Protobuf.ByteString.CopyFromUtf8("dotnet/a");
            var txn = await client.TransactionAsync(
                new Etcdserverpb.TxnRequest
                {
                    Compare = { new Etcdserverpb.Compare { Key = key, Target = Etcdserverpb.Compare.Types.CompareTarget.Version, Version = 1 } },
                    Success = { new Etcdserverpb.RequestOp { RequestPut = new Etcdserverpb.PutRequest { Key = key } } },
                },
                cancellationToken: Cancellation);
            Assert.True(txn.Succeeded);
            Assert.Equal(2, (await client.DeleteRangeAsync("dotnet/", cancellationToken: Cancellation)).Deleted);
            Assert.Equal(server.Address, (await client.MemberListAsync(new Etcdserverpb.MemberListRequest(), cancellationToken: Cancellation)).Members[0].ClientURLs[0]);
        }
    }
}
