using System.Diagnostics;
using Google.Protobuf;
using Granary.Grains.Watches;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Server.Tests;

/// <summary>Watch streams as a whole: what they cost while their client does not read, and what is left of them when they are gone.</summary>
[Collection("one server at a time")]
public sealed class WatchTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ten_thousand_streams_that_came_and_went_leave_nothing_behind()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop);
        for (var round = 0; round < 10; round++)
        {
            using var leave = new CancellationTokenSource();
            var streams = new List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>>();
            for (var i = 0; i < 1000; i++)
            {
                streams.Add(new Watch.WatchClient(server.Channel).Watch(cancellationToken: leave.Token));
            }

            await Task.WhenAll(streams.Select(async (stream, i) =>
            {
                await Create(stream, new WatchCreateRequest { Key = Key($"k{i % 10}") });
                await Create(stream, new WatchCreateRequest { Key = Key("k"), RangeEnd = Key("l"), StartRevision = 1 });
            }));
            await server.Kv.PutAsync(new PutRequest { Key = Key("k1") }, cancellationToken: Stop);
            await Eventually.Holds(
                "all watchers are counted, also those that move from one state to the next meanwhile",
                () => Task.FromResult(counters["granary.watch.streams"] == 1000 && Watchers(counters) == 2000),
                Generous,
                Stop);

            await leave.CancelAsync();
            foreach (var stream in streams)
            {
                stream.Dispose();
            }

            await Eventually.Holds(
                "all watchers are freed", () => Task.FromResult(counters["granary.watch.streams"] == 0 && Watchers(counters) == 0), Generous, Stop);
        }

        Assert.Equal(0, server.Services.GetRequiredService<WatchStreams>().Count);
        await Eventually.Holds("all snapshots are freed", () => Task.FromResult(server.Replica.OpenViewCount == 1), Generous, Stop);
    }

    [Fact]
    public async Task A_client_that_does_not_read_delays_nobody_and_is_caught_up_when_it_reads_again()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop, options => options with { WatchStreamBufferBytes = 64 << 10 });
        using var slowChannel = Channels.To("http://" + server.Channel.Target);
        using var slow = new Watch.WatchClient(slowChannel).Watch(cancellationToken: Stop);
        using var quick = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await Create(slow, new WatchCreateRequest { Key = Key("k"), PrevKv = true });
        await Create(quick, new WatchCreateRequest { Key = Key("k") });

        const int Puts = 400;
        var value = ByteString.CopyFrom(new byte[100_000]);
        var reading = Revisions(quick, Puts);
        for (var i = 0; i < Puts; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = Key("k"), Value = value }, cancellationToken: Stop);
        }

        var expected = Enumerable.Range(2, Puts).Select(revision => (long)revision).ToList();
        Assert.Equal(expected, await reading.WaitAsync(Generous, Stop));
        Assert.True(counters["granary.watch.fell_behind"] > 0, counters.ToString());
        Assert.Equal(1, Watchers(counters) - counters["granary.watch.watchers.synced"]);

        Assert.Equal(expected, await Revisions(slow, Puts).WaitAsync(Generous, Stop));
        await Eventually.Holds("it is live again", () => Task.FromResult(counters["granary.watch.watchers.synced"] == 2), Generous, Stop);
        await server.Kv.PutAsync(new PutRequest { Key = Key("k") }, cancellationToken: Stop);
        Assert.Equal([Puts + 2L], await Revisions(slow, 1).WaitAsync(Generous, Stop));
    }

    [Fact]
    public async Task A_client_that_fell_behind_a_compaction_is_told_so()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop, options => options with { WatchStreamBufferBytes = 64 << 10 });
        using var slow = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await Create(slow, new WatchCreateRequest { Key = Key("k") });
        var value = ByteString.CopyFrom(new byte[100_000]);
        for (var i = 0; i < 400; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = Key("k"), Value = value }, cancellationToken: Stop);
        }

        await Eventually.Holds("it has fallen behind", () => Task.FromResult(counters["granary.watch.watchers.stalled"] == 1), Generous, Stop);
        var compacted = (await server.Kv.CompactAsync(new CompactionRequest { Revision = 401 }, cancellationToken: Stop)).Header.Revision;

        long last = 1;
        while (await slow.ResponseStream.MoveNext(Stop) && !slow.ResponseStream.Current.Canceled)
        {
            Assert.Equal(++last, slow.ResponseStream.Current.Events.Single().Kv.ModRevision);
        }

        Assert.Equal(401, compacted);
        Assert.Equal((401, "", 0), (slow.ResponseStream.Current.CompactRevision, slow.ResponseStream.Current.CancelReason, slow.ResponseStream.Current.Header.Revision));
        Assert.InRange(last, 2, 400);

        // The stream itself lives on.
        await Create(slow, new WatchCreateRequest { Key = Key("k"), StartRevision = 401 });
        Assert.Equal([401L], await Revisions(slow, 1).WaitAsync(Generous, Stop));
    }

    // Many rounds: what is to be told and the end of the connection are written at the same time.
    [Fact]
    public async Task A_server_that_stops_ends_its_streams_at_once_and_tells_each_of_them()
    {
        for (var round = 0; round < 25; round++)
        {
            var server = await InProcessServer.Start(Stop);
            using var channel = Channels.To("http://" + server.Channel.Target);
            using var watch = new Watch.WatchClient(channel).Watch(cancellationToken: Stop);
            await Create(watch, new WatchCreateRequest { Key = Key("k") });
            var ending = Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Stop));
            var start = Stopwatch.GetTimestamp();
            await server.DisposeAsync();
            var end = await ending.WaitAsync(Generous, Stop);
            Assert.True(end.StatusCode == StatusCode.Unavailable, $"round {round}: {end}");
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(5), "the shutdown waited for the stream");
        }
    }

    [Fact]
    public async Task Revisions_of_many_writers_reach_every_watcher_in_order_without_a_gap_while_watchers_come_and_go()
    {
        await using var server = await InProcessServer.Start(Stop);
        const int Writers = 8;
        const int Puts = 500;
        using var live = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await Create(live, new WatchCreateRequest { Key = Key("k"), RangeEnd = Key("l") });
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (var i = 0; i < Puts; i++)
            {
                await server.Kv.PutAsync(new PutRequest { Key = Key($"k{writer}") }, cancellationToken: Stop);
            }
        }));

        // Whoever comes in the middle sees all that follows the revision it was told.
        var late = new List<Task>();
        while (!writing.IsCompleted)
        {
            late.Add(WatchFromNow(server));
            await Task.WhenAny(writing, late[^1]);
        }

        await writing;
        Assert.Equal(Enumerable.Range(2, Writers * Puts).Select(revision => (long)revision), await Revisions(live, Writers * Puts).WaitAsync(Generous, Stop));
        await Task.WhenAll(late).WaitAsync(Generous, Stop);
    }

    private static async Task WatchFromNow(InProcessServer server)
    {
        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        var created = await Create(watch, new WatchCreateRequest { Key = Key("k"), RangeEnd = Key("l") });
        if (created < 3000)
        {
            Assert.Equal(Enumerable.Range(1, 100).Select(i => created + i), await Revisions(watch, 100));
        }
    }

    private static long Watchers(Counters counters) =>
        counters["granary.watch.watchers.synced"] + counters["granary.watch.watchers.unsynced"] + counters["granary.watch.watchers.stalled"];

    /// <summary>Creates a watcher and waits for the reply; returns the revision that it names.</summary>
    private static async Task<long> Create(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream, WatchCreateRequest request)
    {
        await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request }, Stop);
        while (await stream.ResponseStream.MoveNext(Stop))
        {
            if (stream.ResponseStream.Current.Created)
            {
                return stream.ResponseStream.Current.Header.Revision;
            }
        }

        throw new InvalidOperationException("The stream ended.");
    }

    /// <summary>Reads until so many events have come; returns their revisions.</summary>
    private static async Task<List<long>> Revisions(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream, int count)
    {
        var revisions = new List<long>();
        while (revisions.Count < count && await stream.ResponseStream.MoveNext(Stop))
        {
            revisions.AddRange(stream.ResponseStream.Current.Events.Select(change => change.Kv.ModRevision));
        }

        return revisions;
    }

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);
}
