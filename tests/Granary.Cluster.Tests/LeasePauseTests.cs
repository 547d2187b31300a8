using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>What becomes of leases while the server's process stands still: nothing.</summary>
public sealed class LeasePauseTests
{
    private const int TtlSeconds = 5;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lease_that_is_kept_alive_outlives_a_pause_longer_than_its_time_and_one_that_nobody_renews_ends_after_it()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        var kv = new KV.KVClient(server.Channel);
        foreach (var id in (long[])[1, 2])
        {
            await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = TtlSeconds }, cancellationToken: Stop);
            await kv.PutAsync(new PutRequest { Key = Key(id), Lease = id }, cancellationToken: Stop);
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var alive = KeepAlive(leases, 1, ended.Token);
        try
        {
            var stopped = Stopwatch.GetTimestamp();
            Signals.Send(server.ProcessId, Signals.StandStill);
            await Eventually.Holds(
                "the pause is longer than the leases' time",
                () => Task.FromResult(Stopwatch.GetElapsedTime(stopped) > TimeSpan.FromSeconds(TtlSeconds + 3)), Generous, Stop);
            Signals.Send(server.ProcessId, Signals.Continue);
            var resumed = Stopwatch.GetTimestamp();

            // What nobody renews had some of its time left, has it still, and ends with it.
            var atOnce = (await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 2 }, cancellationToken: Stop)).TTL;
            Assert.True(atOnce >= 1 || Stopwatch.GetElapsedTime(resumed) > TimeSpan.FromSeconds(2), $"{atOnce} s were left");
            await Eventually.Holds(
                "the lease that nobody renews ends",
                async () => (await kv.RangeAsync(new RangeRequest { Key = Key(2) }, cancellationToken: Stop)).Count == 0, Generous, Stop);
            await Eventually.Holds(
                "the other one would have ended by now",
                () => Task.FromResult(Stopwatch.GetElapsedTime(resumed) > TimeSpan.FromSeconds(TtlSeconds + 1)), Generous, Stop);
            Assert.Equal(1, (await kv.RangeAsync(new RangeRequest { Key = Key(1) }, cancellationToken: Stop)).Count);
            Assert.Contains("stood still", server.Log, StringComparison.Ordinal);
        }
        finally
        {
            await ended.CancelAsync();
            await alive;
        }

        await Eventually.Holds(
            "the lease ends once nobody renews it",
            async () => (await kv.RangeAsync(new RangeRequest { Key = Key(1) }, cancellationToken: Stop)).Count == 0, Generous, Stop);
    }

    /// <summary>Renews as clients do: a third of the time after the last answer. It waits for an answer as long as that takes.</summary>
    private static async Task KeepAlive(Lease.LeaseClient leases, long id, CancellationToken cancellationToken)
    {
        try
        {
            using var call = leases.LeaseKeepAlive(cancellationToken: cancellationToken);
            while (true)
            {
                await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, cancellationToken);
                Assert.True(await call.ResponseStream.MoveNext(cancellationToken));
                Assert.Equal(TtlSeconds, call.ResponseStream.Current.TTL);
                await Task.Delay(TimeSpan.FromSeconds(TtlSeconds / 3.0), cancellationToken);
            }
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is RpcException or OperationCanceledException)
        {
        }
    }

    private static ByteString Key(long id) => ByteString.CopyFromUtf8($"lease/{id}");
}
