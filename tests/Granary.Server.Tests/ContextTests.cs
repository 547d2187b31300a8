using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>The context of a call, its deadline and its cancellation, reaches the grain and the scan; nothing of a call that is gone is left.</summary>
[Collection("one server at a time")]
public sealed class ContextTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);
    private static readonly RangeRequest Everything = new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_range_over_a_million_keys_ends_at_its_deadline_and_its_scan_stops_and_frees_its_snapshot()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { Engine = Engine.Embedded });
        await Fill(server, 1_000_000);
        using var counters = new Counters();
        var elapsed = new List<TimeSpan>();
        for (var i = 0; i < 7; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var error = await Assert.ThrowsAsync<RpcException>(async () =>
                await server.Kv.RangeAsync(Everything, deadline: DateTime.UtcNow.AddMilliseconds(10), cancellationToken: Stop));
            elapsed.Add(Stopwatch.GetElapsedTime(start));
            Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        }

        elapsed.Sort();
        Assert.True(elapsed[3] < TimeSpan.FromMilliseconds(100), $"the median call ended after {elapsed[3].TotalMilliseconds} ms");
        await NothingIsLeft(server, counters);

        // The client gives up at the deadline by itself: what shows that the server did is that a scan was abandoned half-way.
        // On a busy machine a deadline may pass before the scan begins, so some more are tried.
        for (var i = 0; i < 200 && counters["granary.scans.abandoned"] == 0; i++)
        {
            await Assert.ThrowsAsync<RpcException>(async () =>
                await server.Kv.RangeAsync(Everything, deadline: DateTime.UtcNow.AddMilliseconds(10 + i), cancellationToken: Stop));
            await NothingIsLeft(server, counters);
        }

        Assert.True(counters["granary.scans.abandoned"] > 0, counters.ToString());

        using var cancel = new CancellationTokenSource();
        var call = server.Kv.RangeAsync(Everything, cancellationToken: cancel.Token);
        await Eventually.Holds("the scan runs", () => Task.FromResult(counters["granary.scans.active"] == 1), Generous, Stop);
        await cancel.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        await NothingIsLeft(server, counters);
    }

    [Fact]
    public async Task A_put_that_is_cancelled_while_queued_is_never_written()
    {
        await using var server = await InProcessServer.Start(Stop);
        using var counters = new Counters();
        var latch = server.Latches.Open(TimeSpan.FromMinutes(5));
        await server.Writer().Latch(latch, Stop);

        using var cancel = new CancellationTokenSource();
        var cancelled = server.Kv.PutAsync(new PutRequest { Key = Key("cancelled") }, cancellationToken: cancel.Token);
        await Eventually.Holds("the put waits", () => Task.FromResult(counters["granary.writes.queued"] == 1), Generous, Stop);
        var kept = server.Kv.PutAsync(new PutRequest { Key = Key("kept") }, cancellationToken: Stop);
        await Eventually.Holds("the second one waits", () => Task.FromResult(counters["granary.writes.queued"] == 2), Generous, Stop);
        await cancel.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await cancelled)).StatusCode);
        await Eventually.Holds("the call has left the grain", () => Task.FromResult(counters["granary.writes.cancelled"] == 1), Generous, Stop);
        await server.Writer().Release(latch);

        Assert.Equal(2, (await kept).Header.Revision);
        var pairs = (await server.Kv.RangeAsync(Everything, cancellationToken: Stop)).Kvs;
        Assert.Equal("kept", Assert.Single(pairs).Key.ToStringUtf8());
        Assert.Equal(1, counters["granary.writes.dropped"]);
    }

    [Fact]
    public async Task Ten_thousand_cancelled_calls_leave_nothing_behind()
    {
        await using var server = await InProcessServer.Start(Stop);
        for (var i = 0; i < 2000; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = Key("k" + i), Value = Key("v") }, cancellationToken: Stop);
        }

        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        using var counters = new Counters();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 10_000),
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Stop },
            async (i, _) =>
            {
                using var cancel = new CancellationTokenSource();
                var random = new Random(seed + i);
                var call = Call(server, i, random, cancel.Token);
                for (var spin = random.Next(2000); spin > 0; spin--)
                {
                    Thread.SpinWait(10);
                }

                await cancel.CancelAsync();
                try
                {
                    await call;
                }
                catch (RpcException)
                {
                    // Cancelled, or what the client's own race with its cancellation made of it.
                }
            });

        await NothingIsLeft(server, counters);
        await server.Kv.PutAsync(new PutRequest { Key = Key("after") }, cancellationToken: Stop);
    }

    private static Task Call(InProcessServer server, int i, Random random, CancellationToken cancellationToken) => (i % 4) switch
    {
        0 => server.Kv.PutAsync(new PutRequest { Key = Key("k" + random.Next(100)) }, cancellationToken: cancellationToken).ResponseAsync,
        1 => server.Kv.RangeAsync(Everything, cancellationToken: cancellationToken).ResponseAsync,
        2 => server.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Key("none") }, cancellationToken: cancellationToken).ResponseAsync,
        _ => server.Kv.TxnAsync(new TxnRequest { Success = { new RequestOp { RequestRange = Everything } } }, cancellationToken: cancellationToken).ResponseAsync,
    };

    private static Task NothingIsLeft(InProcessServer server, Counters counters) => Eventually.Holds(
        "no queue entry, grain call, scan or snapshot is left",
        () => Task.FromResult(counters["granary.writes.queued"] == 0
            && counters["granary.grain.calls.active"] == 0
            && counters["granary.scans.active"] == 0
            && server.Replica.OpenViewCount == 1
            && server.Latches.Count == 0),
        Generous,
        Stop);

    private static async Task Fill(InProcessServer server, int keys)
    {
        var value = ByteString.CopyFrom(new byte[64]);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, keys).Chunk(128),
            new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Stop },
            async (chunk, token) =>
            {
                var txn = new TxnRequest();
                txn.Success.AddRange(chunk.Select(i => new RequestOp { RequestPut = new PutRequest { Key = Key($"key-{i:D9}"), Value = value } }));
                await server.Kv.TxnAsync(txn, cancellationToken: token);
            });
    }

    private static ByteString Key(string text) => ByteString.CopyFromUtf8(text);
}
