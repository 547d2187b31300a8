using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;

namespace Granary.Cluster.Tests;

/// <summary>
/// A deletion of very many keys while many watch: who watches the keys is told of each at one revision, in fragments; the server holds but a
/// few of them at a time, and a compaction right behind takes nothing away from anyone. GRANARY_DELETED_KEYS has it done with more.
/// </summary>
public sealed class WatchedDeletionTests
{
    private const int PutsPerTxn = 128;
    private const int WatchersElsewhere = 10_000;
    private const long MaxBytesAboveIdle = 256L << 20;

    private static readonly int Keys = int.Parse(Environment.GetEnvironmentVariable("GRANARY_DELETED_KEYS") ?? "1000000", CultureInfo.InvariantCulture);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Watchers_are_told_of_every_key_in_fragments_and_memory_stays_bounded(bool isOfLease)
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--max-txn-ops=128");
        var kv = new KV.KVClient(server.Channel);
        var lease = isOfLease ? 7 : 0;
        if (isOfLease)
        {
            await new Lease.LeaseClient(server.Channel).LeaseGrantAsync(new LeaseGrantRequest { ID = lease, TTL = 3600 }, cancellationToken: Stop);
        }

        await Parallel.ForEachAsync(
            Enumerable.Range(0, Keys / PutsPerTxn),
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Stop },
            async (part, stop) =>
            {
                var txn = new TxnRequest();
                for (var i = 0; i < PutsPerTxn; i++)
                {
                    txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Key((part * PutsPerTxn) + i), Value = Key(i), Lease = lease } });
                }

                await kv.TxnAsync(txn, cancellationToken: stop);
            });
        var there = Keys / PutsPerTxn * PutsPerTxn;

        using var call = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await Create(new WatchCreateRequest { Key = Key(0), RangeEnd = Key(100_000_000), Fragment = true });
        await Create(new WatchCreateRequest { Key = Key(there - 5), RangeEnd = Key(100_000_000), Fragment = true, PrevKv = true });
        for (var i = 0; i < WatchersElsewhere; i++)
        {
            await Create(new WatchCreateRequest { Key = Bytes($"elsewhere/{i}"), RangeEnd = i % 2 == 0 ? ByteString.Empty : Bytes($"elsewhere/{i}x") });
        }

        // A server in use has the store's cache filled, which is bounded for itself.
        Assert.Equal(there, (await kv.RangeAsync(new RangeRequest { Key = Key(0), RangeEnd = Key(100_000_000), CountOnly = true }, cancellationToken: Stop)).Count);
        var idle = ServerMemory.Resident(server);
        ServerMemory.ForgetPeak(server);
        var start = Stopwatch.GetTimestamp();
        var revision = isOfLease
            ? (await new Lease.LeaseClient(server.Channel).LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: Stop)).Header.Revision
            : (await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Key(0), RangeEnd = Key(100_000_000) }, cancellationToken: Stop)).Header.Revision;
        await kv.CompactAsync(new CompactionRequest { Revision = revision }, cancellationToken: Stop);
        var after = (await kv.PutAsync(new PutRequest { Key = Bytes("elsewhere/1") }, cancellationToken: Stop)).Header.Revision;
        await kv.CompactAsync(new CompactionRequest { Revision = after }, cancellationToken: Stop);

        var told = 0L;
        var fragments = 0;
        var last = ByteString.Empty;
        var others = new List<WatchResponse>();
        var (isWhole, isSmallWhole) = (false, false);
        while (!isWhole || !isSmallWhole || others.Count == 0)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop), "the watch ended");
            var response = call.ResponseStream.Current;
            Assert.False(response.Canceled, $"{response} after {told} events and {Stopwatch.GetElapsedTime(start)}");
            if (response.WatchId > 1)
            {
                others.Add(response);
                continue;
            }

            foreach (var change in response.Events)
            {
                Assert.Equal((Event.Types.EventType.Delete, revision), (change.Type, change.Kv.ModRevision));
                if (response.WatchId == 0)
                {
                    Assert.True(last.Span.SequenceCompareTo(change.Kv.Key.Span) < 0, "out of order, or twice");
                    last = change.Kv.Key;
                    told++;
                }
                else
                {
                    Assert.Equal(change.Kv.Key, change.PrevKv.Key);
                }
            }

            fragments += response.Fragment ? 1 : 0;
            isWhole |= response.WatchId == 0 && !response.Fragment;
            isSmallWhole |= response.WatchId == 1 && !response.Fragment;
        }

        var peak = ServerMemory.Peak(server);
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{told} events in {fragments} fragments, {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, {(peak - idle) >> 20} MiB above {idle >> 20} MiB");
        Assert.Equal(there, told);
        Assert.True(fragments > there / 20_000, $"{fragments} fragments");
        Assert.Equal((1, after), (others.Count, Assert.Single(others[0].Events).Kv.ModRevision));
        Assert.True(peak - idle < MaxBytesAboveIdle, $"{peak - idle} bytes above {idle}");

        async Task Create(WatchCreateRequest request)
        {
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request }, Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.True(call.ResponseStream.Current.Created);
        }
    }

    private static ByteString Key(int number) => Bytes($"key/{number:D9}");

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);
}
