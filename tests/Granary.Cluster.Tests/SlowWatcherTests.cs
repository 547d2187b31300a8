using Google.Protobuf;

namespace Granary.Cluster.Tests;

/// <summary>A watch whose client does not read costs a bounded memory, whatever passes meanwhile, and loses nothing.</summary>
public sealed class SlowWatcherTests
{
    private const int Puts = 3000;
    private const int ValueBytes = 100_000;
    private const long MaxBytesAboveIdle = 128L << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_that_nobody_reads_are_not_held_and_are_told_later()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var kv = new KV.KVClient(server.Channel);

        // A server in use has the buffers of its store and of its log filled, which are bounded for themselves.
        await PutAll("before");
        var idle = ServerMemory.Resident(server);
        ServerMemory.ForgetPeak(server);

        using var channel = Channels.To(server.Address);
        using var call = new Watch.WatchClient(channel).Watch(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("key"), RangeEnd = Bytes("kez") } }, Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.True(call.ResponseStream.Current.Created);
        await PutAll("key");

        var peak = ServerMemory.Peak(server);
        TestContext.Current.SendDiagnosticMessage($"{(peak - idle) >> 20} MiB above {idle >> 20} MiB");
        var told = new HashSet<ByteString>();
        var last = 0L;
        while (told.Count < Puts)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            foreach (var change in call.ResponseStream.Current.Events)
            {
                Assert.True(change.Kv.ModRevision > last);
                last = change.Kv.ModRevision;
                Assert.True(told.Add(change.Kv.Key));
            }
        }

        Assert.True(peak - idle < MaxBytesAboveIdle, $"{(peak - idle) >> 20} MiB above {idle >> 20} MiB");

        async Task PutAll(string prefix) => await Parallel.ForEachAsync(
            Enumerable.Range(0, Puts),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Stop },
            async (number, stop) =>
            {
                var value = new byte[ValueBytes];
                Random.Shared.NextBytes(value);
                await kv.PutAsync(new PutRequest { Key = Bytes($"{prefix}/{number:D5}"), Value = ByteString.CopyFrom(value) }, cancellationToken: stop);
            });
    }

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);
}
