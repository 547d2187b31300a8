using System.Diagnostics;

namespace Granary.Client.Tests;

/// <summary>A lease lives for as long as its holder does, and says when it is lost.</summary>
public sealed class LeaseTests(BothServers servers) : ClientTest(servers)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_lease_is_renewed_and_ends_with_its_keys(Way way)
    {
        await using var client = To(way);
        var start = Stopwatch.GetTimestamp();
        var lease = await client.GrantLeaseAsync(Short, Stop);
        Assert.True(lease.TimeToLive >= Short);
        await client.PutAsync(Prefix, "held", new PutOptions { LeaseId = lease.Id }, Stop);
        await Eventually.Holds("twice its time has passed", () => Task.FromResult(Stopwatch.GetElapsedTime(start) > lease.TimeToLive * 2), Generous, Stop);

        Assert.False(lease.Lost.IsCancellationRequested);
        var status = await client.GetLeaseAsync(lease.Id, withKeys: true, Stop);
        Assert.Equal((lease.Id, lease.TimeToLive), (status!.Id, status.Granted));
        Assert.Equal([Prefix], status.Keys.Select(static key => key.ToString()));
        Assert.Contains(lease.Id, await client.ListLeasesAsync(Stop));

        await lease.DisposeAsync();
        await lease.DisposeAsync();
        Assert.True(lease.Lost.IsCancellationRequested);
        Assert.Null(await client.GetAsync(Prefix, Stop));
        Assert.Null(await client.GetLeaseAsync(lease.Id, cancellationToken: Stop));
        Assert.False(await client.RevokeLeaseAsync(lease.Id, Stop));
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_lease_that_somebody_revokes_is_lost(Way way)
    {
        await using var client = To(way);
        await using var lease = await client.GrantLeaseAsync(Short, Stop);
        Assert.True(await client.RevokeLeaseAsync(lease.Id, Stop));
        await Eventually.Holds("it is lost", () => Task.FromResult(lease.Lost.IsCancellationRequested), Generous, Stop);
        Assert.Equal(lease.Id, Assert.Throws<LeaseLostException>(lease.ThrowIfLost).LeaseId);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_lease_is_lost_to_its_holder_before_the_server_ends_it(Product product)
    {
        await using var proxy = TcpProxy.To(new Uri(Of(product).Address).Port);
        await using var direct = To(product);
        await using var client = new GranaryClient($"http://127.0.0.1:{proxy.Port}");
        await using var lease = await client.GrantLeaseAsync(Short, Stop);
        await client.PutAsync(Prefix, "held", new PutOptions { LeaseId = lease.Id }, Stop);
        var isHeldWhenLost = new TaskCompletionSource<bool>();
        var isGone = false;
        await using var updates = direct.WatchAsync(Prefix, new WatchOptions { ReportProgress = true, ExcludePuts = true }, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());
        await using var registration = lease.Lost.Register(() => isHeldWhenLost.TrySetResult(!Volatile.Read(ref isGone)));
        proxy.Set(TcpProxy.Wire.Silent);

        Assert.True(await updates.MoveNextAsync());
        Volatile.Write(ref isGone, true);
        Assert.True(await isHeldWhenLost.Task.WaitAsync(Generous, Stop));
        proxy.Set(TcpProxy.Wire.Cut);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_lease_is_renewed_at_another_server_when_one_says_nothing(Product product)
    {
        await using var proxy = TcpProxy.To(new Uri(Of(product).Address).Port);
        await using var client = new GranaryClient($"http://127.0.0.1:{proxy.Port}", Of(product).Address);
        await client.PutAsync(Prefix, "", cancellationToken: Stop);
        await client.PutAsync(Prefix, "", cancellationToken: Stop);
        await using var lease = await client.GrantLeaseAsync(TimeSpan.FromSeconds(6), Stop);
        proxy.Set(TcpProxy.Wire.Silent);
        var start = Stopwatch.GetTimestamp();
        await Eventually.Holds("twice its time has passed", () => Task.FromResult(Stopwatch.GetElapsedTime(start) > lease.TimeToLive * 2), Generous, Stop);
        lease.ThrowIfLost();
        proxy.Set(TcpProxy.Wire.Cut);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task An_expiring_lease_ends_unless_it_is_renewed(Product product)
    {
        await using var client = new GranaryClient(Of(product).Address);
        var kept = await client.GrantExpiringLeaseAsync(Short, Stop);
        var left = await client.GrantExpiringLeaseAsync(Short, Stop);
        await client.PutAsync($"{Prefix}kept", "", new PutOptions { LeaseId = kept }, Stop);
        await client.PutAsync($"{Prefix}left", "", new PutOptions { LeaseId = left }, Stop);
        await Eventually.Holds(
            "it has ended",
            async () =>
            {
                Assert.True(await client.RenewLeaseAsync(kept, Stop) >= Short);
                return await client.GetAsync($"{Prefix}left", Stop) is null;
            },
            Generous,
            Stop);
        Assert.NotNull(await client.GetAsync($"{Prefix}kept", Stop));
        Assert.Null(await client.RenewLeaseAsync(left, Stop));
        Assert.True(await client.RevokeLeaseAsync(kept, Stop));
        Assert.Null(await client.GetAsync($"{Prefix}kept", Stop));
    }

    [Fact]
    public async Task With_its_client_a_lease_is_lost_and_a_watch_ends()
    {
        var client = To(Product.Granary);
        await using var lease = await client.GrantLeaseAsync(Short, Stop);
        await using var updates = client.WatchAsync(Prefix, new WatchOptions { ReportProgress = true }, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());
        var watching = updates.MoveNextAsync().AsTask();
        client.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => watching.WaitAsync(Generous, Stop));
        Assert.False(watching.IsCompletedSuccessfully);
        Assert.True(watching.IsCompleted);
        await Eventually.Holds("it is lost", () => Task.FromResult(lease.Lost.IsCancellationRequested), Generous, Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_lease_outlives_a_restart_of_the_server(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        await using var lease = await client.GrantLeaseAsync(TimeSpan.FromSeconds(20), Stop);
        await client.PutAsync("a", "held", new PutOptions { LeaseId = lease.Id }, Stop);
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        var start = Stopwatch.GetTimestamp();
        await Eventually.Holds("its time has passed", () => Task.FromResult(Stopwatch.GetElapsedTime(start) > lease.TimeToLive), Generous, Stop);
        lease.ThrowIfLost();
        Assert.NotNull(await client.GetAsync("a", Stop));
    }
}
