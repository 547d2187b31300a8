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

    [Fact]
    public async Task Its_watcher_its_leases_and_its_locks_work()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var client = new EtcdClient(server.Address, configureChannelOptions: options => options.Credentials = Grpc.Core.ChannelCredentials.Insecure);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var seen = new System.Collections.Concurrent.ConcurrentQueue<string>();
            var watching = client.WatchRangeAsync(
                "watched/",
                (Etcdserverpb.WatchResponse response) =>
                {
                    foreach (var change in response.Events)
                    {
                        seen.Enqueue($"{change.Type} {change.Kv.Key.ToStringUtf8()}={change.Kv.Value.ToStringUtf8()}");
                    }

                    if (response.Created)
                    {
                        seen.Enqueue("created");
                    }
                },
                cancellationToken: stop.Token);
            await Eventually.Holds("the watch is created", () => Task.FromResult(seen.Contains("created")), TimeSpan.FromSeconds(30), Cancellation);

            var lease = (await client.LeaseGrantAsync(new Etcdserverpb.LeaseGrantRequest { TTL = 60 }, cancellationToken: Cancellation)).ID;
            await client.PutAsync(
                new Etcdserverpb.PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("watched/a"), Value = Google.Protobuf.ByteString.CopyFromUtf8("1"), Lease = lease },
                cancellationToken: Cancellation);
            Assert.Equal(60, (await client.LeaseTimeToLiveAsync(new Etcdserverpb.LeaseTimeToLiveRequest { ID = lease }, cancellationToken: Cancellation)).GrantedTTL);
            await client.LeaseRevokeAsync(new Etcdserverpb.LeaseRevokeRequest { ID = lease }, cancellationToken: Cancellation);
            await Eventually.Holds("both events came", () => Task.FromResult(seen.Count >= 3), TimeSpan.FromSeconds(30), Cancellation);
            Assert.Equal(["created", "Put watched/a=1", "Delete watched/a="], seen);

            var held = await client.LockAsync("a lock", cancellationToken: Cancellation);
            Assert.StartsWith("a lock/", held.Key.ToStringUtf8(), StringComparison.Ordinal);
            await client.UnlockAsync(held.Key.ToStringUtf8(), cancellationToken: Cancellation);
            await stop.CancelAsync();
            await watching.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }
}
