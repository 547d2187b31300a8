using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Cluster.Tests;

/// <summary>What becomes of leases when the server is killed and started again.</summary>
public sealed class LeaseSigkillTests
{
    private const int Leases = 100;
    private const int TtlSeconds = 5;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_lease_lives_on_with_its_full_time_and_those_that_nobody_renews_then_end()
    {
        await using var server = await Subject.Start(Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        var kv = new KV.KVClient(server.Channel);
        await Task.WhenAll(Enumerable.Range(1, Leases).Select(async id =>
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = id == Leases ? 500 : TtlSeconds }, cancellationToken: Stop);
            await kv.PutAsync(new PutRequest { Key = Key(id), Lease = id }, cancellationToken: Stop);
        }));

        // Little of their time is left when the server goes.
        await Eventually.Holds(
            "the first one has used up half of its time",
            async () => (await TimeToLive(leases, 1)).TTL < TtlSeconds / 2,
            Generous,
            Stop);
        await server.Kill(Stop);
        var restart = Stopwatch.GetTimestamp();
        await server.StartAgain(Stop);
        leases = new Lease.LeaseClient(server.Channel);
        kv = new KV.KVClient(server.Channel);

        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Name("lease/"), RangeEnd = Name("lease0"), Filters = { WatchCreateRequest.Types.FilterType.Noput } } },
            Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Equal(Leases, (await kv.RangeAsync(All, cancellationToken: Stop)).Count);

        // One of the short ones goes on being renewed.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var renewing = Renew(leases, 1, ended.Token);
        for (var left = Leases - 2; left > 0;)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            Assert.True(Stopwatch.GetElapsedTime(restart) >= TimeSpan.FromSeconds(TtlSeconds), "a lease did not get its full time again");
            left -= watch.ResponseStream.Current.Events.Count;
        }

        var alive = await kv.RangeAsync(All, cancellationToken: Stop);
        Assert.Equal([Key(1), Key(Leases)], alive.Kvs.Select(pair => pair.Key));
        Assert.Equal([Key(Leases)], (await TimeToLive(leases, Leases)).Keys);
        await ended.CancelAsync();
        await renewing;
        Assert.True(await watch.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
        Assert.Equal(Key(1), Assert.Single(watch.ResponseStream.Current.Events).Kv.Key);
    }

    private static RangeRequest All { get; } = new() { Key = Name("lease/"), RangeEnd = Name("lease0") };

    private static async Task<LeaseTimeToLiveResponse> TimeToLive(Lease.LeaseClient leases, long id) =>
        await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id, Keys = true }, cancellationToken: Stop);

    /// <summary>Renews a lease over and over, each time as soon as the last one was answered and a tick has passed.</summary>
    private static async Task Renew(Lease.LeaseClient leases, long id, CancellationToken cancellationToken)
    {
        using var stream = leases.LeaseKeepAlive(cancellationToken: Stop);
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!cancellationToken.IsCancellationRequested)
        {
            await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, Stop);
            Assert.True(await stream.ResponseStream.MoveNext(Stop).WaitAsync(Generous, Stop));
            Assert.Equal(TtlSeconds, stream.ResponseStream.Current.TTL);
            await ticks.WaitForNextTickAsync(Stop);
        }
    }

    private static ByteString Key(long id) => Name($"lease/{id:D3}");

    private static ByteString Name(string name) => ByteString.CopyFromUtf8(name);
}
