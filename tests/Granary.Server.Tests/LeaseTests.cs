using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Protos.Concurrency;
using Granary.Server.Configuration;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>Leases beyond what one client sees: over restarts, over several ranges, and when many want the same.</summary>
[Collection("one server at a time")]
public sealed class LeaseTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_key_outlives_its_lease_whichever_ranges_write_while_it_is_revoked()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { InitialRangeSplits = ["b", "c", "d"] });
        var leases = new Lease.LeaseClient(server.Channel);
        for (var round = 1; round <= 60; round++)
        {
            var lease = (await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = round, TTL = 600 }, cancellationToken: Stop)).ID;
            var refused = new ConcurrentQueue<string>();
            var writing = Enumerable.Range(0, 16).Select(async i =>
            {
                for (var n = 0; n < 6; n++)
                {
                    try
                    {
                        var key = Key($"{(char)('a' + (i % 4))}{i}.{n % 3}");
                        await (n % 3 == 2
                            ? server.Kv.TxnAsync(Puts(lease, key, Key("a"), Key("d")), cancellationToken: Stop).ResponseAsync
                            : (Task)server.Kv.PutAsync(new PutRequest { Key = key, Lease = lease }, cancellationToken: Stop).ResponseAsync);
                    }
                    catch (RpcException exception)
                    {
                        refused.Enqueue($"{exception.StatusCode}: {exception.Status.Detail}");
                    }
                }
            }).ToList();
            await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: Stop);
            await Task.WhenAll(writing);
            Assert.All(refused, error => Assert.Equal("NotFound: etcdserver: requested lease not found", error));
            var left = await server.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) }, cancellationToken: Stop);
            Assert.DoesNotContain(left.Kvs, pair => pair.Lease != 0);
        }

        Assert.Equal(0, server.Latches.Count);
    }

    [Fact]
    public async Task After_a_restart_every_lease_has_its_full_time_again_and_then_ends()
    {
        var directory = Directory.CreateTempSubdirectory("granary-lease-").FullName;
        ServerOptions Embedded(ServerOptions options) => options with { Engine = Engine.Embedded, DataDirectory = directory };
        await using (var server = await InProcessServer.Start(Stop, Embedded))
        {
            var leases = new Lease.LeaseClient(server.Channel);
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 3 }, cancellationToken: Stop);
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 2, TTL = 500 }, cancellationToken: Stop);
            await server.Kv.PutAsync(new PutRequest { Key = Key("short"), Lease = 1 }, cancellationToken: Stop);
            await server.Kv.PutAsync(new PutRequest { Key = Key("long"), Lease = 2 }, cancellationToken: Stop);
        }

        await using (var server = await InProcessServer.Start(Stop, Embedded))
        {
            var start = Stopwatch.GetTimestamp();
            var leases = new Lease.LeaseClient(server.Channel);
            var left = await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 2, Keys = true }, cancellationToken: Stop);
            Assert.Equal((500, "long"), (left.GrantedTTL, Assert.Single(left.Keys).ToStringUtf8()));
            Assert.InRange(left.TTL, 490, 500);
            await Eventually.Holds(
                "the short one ends",
                async () => (await server.Kv.RangeAsync(new RangeRequest { Key = Key("short") }, cancellationToken: Stop)).Count == 0,
                Generous,
                Stop);
            Assert.True(Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(2), "it did not get its full time");
            Assert.Equal(1, (await server.Kv.RangeAsync(new RangeRequest { Key = Key("long") }, cancellationToken: Stop)).Count);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_thousand_clients_get_one_lock_once_each_in_the_order_of_their_keys_and_never_two_at_a_time()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop);
        var locks = new Protos.Concurrency.Lock.LockClient(server.Channel);
        var holders = 0;
        var order = new ConcurrentQueue<long>();
        await Task.WhenAll(Enumerable.Range(1, 1000).Select(async i =>
        {
            var lease = (await new Lease.LeaseClient(server.Channel).LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 }, cancellationToken: Stop)).ID;
            var held = await locks.LockAsync(new LockRequest { Name = Key("one"), Lease = lease }, cancellationToken: Stop);
            Assert.Equal(1, Interlocked.Increment(ref holders));
            var own = await server.Kv.RangeAsync(new RangeRequest { Key = held.Key }, cancellationToken: Stop);
            order.Enqueue(own.Kvs[0].CreateRevision);
            Interlocked.Decrement(ref holders);
            await locks.UnlockAsync(new UnlockRequest { Key = held.Key }, cancellationToken: Stop);
        })).WaitAsync(TimeSpan.FromMinutes(3), Stop);
        Assert.Equal(1000, order.Count);
        Assert.Equal(order.Order(), order);
        await Eventually.Holds("no watch is left", () => Task.FromResult(counters["granary.watch.streams"] == 0), Generous, Stop);
    }

    [Fact]
    public async Task A_waiter_whose_lease_ends_never_gets_the_lock_and_those_behind_it_do()
    {
        await using var server = await InProcessServer.Start(Stop);
        var locks = new Protos.Concurrency.Lock.LockClient(server.Channel);
        var leases = new Lease.LeaseClient(server.Channel);
        foreach (var id in (long[])[1, 2, 3])
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 600 }, cancellationToken: Stop);
        }

        var name = Key("l");
        var first = await locks.LockAsync(new LockRequest { Name = name, Lease = 1 }, cancellationToken: Stop);
        var second = locks.LockAsync(new LockRequest { Name = name, Lease = 2 }, cancellationToken: Stop).ResponseAsync;
        await Waits(server, 2);
        var third = locks.LockAsync(new LockRequest { Name = name, Lease = 3 }, cancellationToken: Stop).ResponseAsync;
        await Waits(server, 3);
        await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 2 }, cancellationToken: Stop);
        await locks.UnlockAsync(new UnlockRequest { Key = first.Key }, cancellationToken: Stop);
        var error = await Assert.ThrowsAsync<RpcException>(() => second.WaitAsync(Generous, Stop));
        Assert.Equal("mutex: session is expired", error.Status.Detail);
        Assert.Equal("l/3", (await third.WaitAsync(Generous, Stop)).Key.ToStringUtf8());
    }

    [Fact]
    public async Task A_server_that_stops_sends_those_who_wait_for_a_lock_or_an_election_away_at_once()
    {
        var server = await InProcessServer.Start(Stop);
        using var channel = Channels.To("http://" + server.Channel.Target);
        var locks = new Protos.Concurrency.Lock.LockClient(channel);
        await locks.LockAsync(new LockRequest { Name = Key("l") }, cancellationToken: Stop);
        var locking = locks.LockAsync(new LockRequest { Name = Key("l") }, cancellationToken: Stop).ResponseAsync;
        var campaigning = new Election.ElectionClient(channel).CampaignAsync(new CampaignRequest { Name = Key("l") }, cancellationToken: Stop).ResponseAsync;
        await Waits(server, 3);
        var start = Stopwatch.GetTimestamp();
        await server.DisposeAsync();
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(5), "the shutdown waited for those who wait");
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => locking.WaitAsync(Generous, Stop))).StatusCode);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => campaigning.WaitAsync(Generous, Stop))).StatusCode);
    }

    [Fact]
    public async Task Thousands_of_leases_are_kept_alive_on_one_stream_in_order()
    {
        await using var server = await InProcessServer.Start(Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        await Task.WhenAll(Enumerable.Range(1, 3000).Select(async id =>
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 100 + id }, cancellationToken: Stop)));
        using var stream = leases.LeaseKeepAlive(cancellationToken: Stop);
        var writing = Task.Run(async () =>
        {
            for (var round = 0; round < 3; round++)
            {
                for (var id = 1; id <= 3001; id++)
                {
                    await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, Stop);
                }
            }

            await stream.RequestStream.CompleteAsync();
        }, Stop);
        for (var i = 0; i < 3 * 3001; i++)
        {
            Assert.True(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            var id = 1 + (i % 3001);
            Assert.Equal((id, id == 3001 ? 0 : 100 + id), (stream.ResponseStream.Current.ID, stream.ResponseStream.Current.TTL));
        }

        Assert.False(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
        await writing;
    }

    [Fact]
    public async Task No_key_goes_before_its_lease_s_time_since_the_last_renewal_is_over_and_all_go_soon_after_beside_puts()
    {
        const int Leases = 500;
        await using var server = await InProcessServer.Start(Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(
            new WatchRequest
            {
                CreateRequest = new WatchCreateRequest { Key = Key("lease/"), RangeEnd = Key("lease0"), Filters = { WatchCreateRequest.Types.FilterType.Noput } },
            },
            Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var putting = Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            while (!gone.IsCancellationRequested)
            {
                await server.Kv.PutAsync(new PutRequest { Key = Key($"other/{client}") }, cancellationToken: Stop);
            }
        }, Stop)).ToArray();

        // Sent then: the server's own time of a renewal is later, never earlier.
        var renewedAt = new long[Leases];
        await Task.WhenAll(Enumerable.Range(0, Leases).Select(async i =>
        {
            renewedAt[i] = Stopwatch.GetTimestamp();
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = i + 1, TTL = TtlSeconds(i) }, cancellationToken: Stop);
            await server.Kv.PutAsync(new PutRequest { Key = Key($"lease/{i}"), Lease = i + 1 }, cancellationToken: Stop);
        }));
        using var stream = leases.LeaseKeepAlive(cancellationToken: Stop);
        for (var round = 0; round < 3; round++)
        {
            var sentAt = new long[Leases];
            for (var i = 0; i < Leases; i++)
            {
                sentAt[i] = Stopwatch.GetTimestamp();
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = i + 1 }, Stop);
            }

            for (var i = 0; i < Leases; i++)
            {
                Assert.True(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
                renewedAt[i] = stream.ResponseStream.Current.TTL > 0 ? sentAt[i] : renewedAt[i];
            }
        }

        var lateness = new List<TimeSpan>();
        while (lateness.Count < Leases)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            var now = Stopwatch.GetTimestamp();
            foreach (var change in watch.ResponseStream.Current.Events)
            {
                var i = int.Parse(change.Kv.Key.Span["lease/".Length..], System.Globalization.CultureInfo.InvariantCulture);
                lateness.Add(Stopwatch.GetElapsedTime(renewedAt[i], now) - TimeSpan.FromSeconds(TtlSeconds(i)));
            }
        }

        await gone.CancelAsync();
        await Task.WhenAll(putting);
        lateness.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine($"earliest {lateness[0]}, median {lateness[Leases / 2]}, latest {lateness[^1]}");
        Assert.True(lateness[0] >= TimeSpan.Zero, $"a key went {-lateness[0]} early");
        Assert.True(lateness[Leases / 2] < TimeSpan.FromSeconds(5), $"half of them went {lateness[Leases / 2]} late or later");

        static int TtlSeconds(int i) => 2 + (i % 4);
    }

    [Fact]
    public async Task Streams_whose_client_has_said_all_or_is_gone_are_freed_also_while_they_wait_for_an_answer()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop);
        await new Lease.LeaseClient(server.Channel).LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 600 }, cancellationToken: Stop);
        for (var round = 0; round < 10; round++)
        {
            using var channel = Channels.To("http://" + server.Channel.Target);
            var leases = new Lease.LeaseClient(channel);
            using var leave = new CancellationTokenSource();
            var streams = Enumerable.Range(0, 100).Select(_ => leases.LeaseKeepAlive(cancellationToken: leave.Token)).ToList();
            foreach (var stream in streams)
            {
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 }, Stop);
                Assert.True(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            }

            Assert.Equal(100, counters["granary.leases.keepalive.streams"]);
            foreach (var stream in streams.Take(30))
            {
                await stream.RequestStream.CompleteAsync();
                Assert.False(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            }

            foreach (var stream in streams.Skip(30))
            {
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 }, Stop);
            }

            streams.Skip(30).Take(30).ToList().ForEach(stream => stream.Dispose());
            await leave.CancelAsync();
            await Eventually.Holds("no stream is left", () => Task.FromResult(counters["granary.leases.keepalive.streams"] == 0), Generous, Stop);
        }

        Assert.Equal(600, (await new Lease.LeaseClient(server.Channel).LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 1 }, cancellationToken: Stop)).GrantedTTL);
    }

    private static Task Waits(InProcessServer server, int keys) => Eventually.Holds(
        $"{keys} keys wait",
        async () => (await server.Kv.RangeAsync(new RangeRequest { Key = Key("l/"), RangeEnd = Key("l0") }, cancellationToken: Stop)).Count == keys,
        Generous,
        Stop);

    private static TxnRequest Puts(long lease, params ByteString[] keys) => new()
    {
        Success = { keys.Distinct().Select(key => new RequestOp { RequestPut = new PutRequest { Key = key, Lease = lease } }) },
    };

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);
}
