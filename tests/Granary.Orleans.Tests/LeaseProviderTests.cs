using Granary.Orleans.Leases;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.LeaseProviders;

namespace Granary.Orleans.Tests;

/// <summary>What Orleans asks of leases: one has each, until it is released or not renewed in time.</summary>
public sealed class LeaseProviderTests(BothServers servers)
{
    private const string Category = "queues/of a provider";

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    private readonly string _service = Guid.NewGuid().ToString("N");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_one_has_nobody_else_gets_until_it_is_released(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var leases = Provider(client);
        var before = DateTime.UtcNow;
        var first = await leases.Acquire(Category, [new LeaseRequest("1", Long), new LeaseRequest("2/b", Long)]);
        Assert.All(first, static one => Assert.Equal(ResponseCode.OK, one.StatusCode));
        Assert.Equal(["1", "2/b"], first.Select(static one => one.AcquiredLease!.ResourceKey));
        Assert.All(first, one => Assert.InRange(one.AcquiredLease!.StartTimeUtc, before, DateTime.UtcNow));
        Assert.All(first, static one => Assert.Equal(Long, one.AcquiredLease!.Duration));

        var second = await leases.Acquire(Category, [new LeaseRequest("2/b", Long), new LeaseRequest("3", Long)]);
        Assert.Equal([ResponseCode.LeaseNotAvailable, ResponseCode.OK], second.Select(static one => one.StatusCode));
        Assert.Equal(["2/b", "3"], second.Select(static one => one.AcquiredLease!.ResourceKey));
        Assert.Equal(ResponseCode.OK, (await leases.Acquire("another category", [new LeaseRequest("1", Long)]))[0].StatusCode);

        var renewed = await leases.Renew(Category, [first[0].AcquiredLease!, new AcquiredLease("1", Long, "1234", before), new AcquiredLease("1", Long, "none", before), new AcquiredLease("1")]);
        Assert.Equal([ResponseCode.OK, ResponseCode.InvalidToken, ResponseCode.InvalidToken, ResponseCode.InvalidToken], renewed.Select(static one => one.StatusCode));
        Assert.All(renewed, static one => Assert.Equal("1", one.AcquiredLease!.ResourceKey));
        Assert.Equal(first[0].AcquiredLease!.Token, renewed[0].AcquiredLease!.Token);
        Assert.True(renewed[0].AcquiredLease!.StartTimeUtc >= first[0].AcquiredLease!.StartTimeUtc);

        await leases.Release(Category, [first[1].AcquiredLease!]);
        await leases.Release(Category, [first[1].AcquiredLease!]);
        Assert.Equal(ResponseCode.InvalidToken, (await leases.Renew(Category, [first[1].AcquiredLease!]))[0].StatusCode);
        Assert.Equal(ResponseCode.OK, (await leases.Acquire(Category, [new LeaseRequest("2/b", Long)]))[0].StatusCode);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_nobody_renews_another_one_gets(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var leases = Provider(client);
        var kept = (await leases.Acquire(Category, [new LeaseRequest("kept", TimeSpan.FromSeconds(3))]))[0].AcquiredLease!;
        var left = (await leases.Acquire(Category, [new LeaseRequest("left", TimeSpan.FromSeconds(3))]))[0].AcquiredLease!;
        await Eventually.Holds(
            "it is there for another one",
            async () =>
            {
                Assert.Equal(ResponseCode.OK, (await leases.Renew(Category, [kept]))[0].StatusCode);
                return (await leases.Acquire(Category, [new LeaseRequest("left", Long)]))[0].StatusCode == ResponseCode.OK;
            },
            Generous,
            Stop);
        Assert.Equal(ResponseCode.LeaseNotAvailable, (await leases.Acquire(Category, [new LeaseRequest("kept", Long)]))[0].StatusCode);
        Assert.Equal(ResponseCode.InvalidToken, (await leases.Renew(Category, [left]))[0].StatusCode);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Of_many_who_ask_at_once_one_gets_it(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var leases = Provider(client);
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ => (await leases.Acquire(Category, [new LeaseRequest("1", Long)]))[0]));
        Assert.Single(results, static one => one.StatusCode == ResponseCode.OK);
        Assert.All(results.Where(static one => one.StatusCode != ResponseCode.OK), static one => Assert.Equal(ResponseCode.LeaseNotAvailable, one.StatusCode));
        var token = results.Single(static one => one.StatusCode == ResponseCode.OK).AcquiredLease!.Token;
        Assert.Equal(token, (await client.GetAsync($"orleans/{_service}/leases/{Uri.EscapeDataString(Category)}/1", Stop))!.Value.ToString());
        await leases.Release(Category, [results.Single(static one => one.StatusCode == ResponseCode.OK).AcquiredLease!]);
        Assert.Equal(0, (await client.RangeAsync(KeyRange.Prefix($"orleans/{_service}/"), cancellationToken: Stop)).Count);
    }

    [Fact]
    public async Task Without_the_store_nothing_is_acquired_or_renewed()
    {
        var options = new GranaryClientOptions { CallTimeout = TimeSpan.FromSeconds(1) };
        options.Endpoints.Add($"http://127.0.0.1:{LoopbackPorts.Take()}");
        await using var client = new GranaryClient(options);
        var leases = Provider(client);
        var acquired = (await leases.Acquire(Category, [new LeaseRequest("1", Long)]))[0];
        Assert.Equal((ResponseCode.TransientFailure, "1"), (acquired.StatusCode, acquired.AcquiredLease!.ResourceKey));
        var renewed = (await leases.Renew(Category, [new AcquiredLease("1", Long, "12", DateTime.UtcNow)]))[0];
        Assert.Equal((ResponseCode.TransientFailure, "1"), (renewed.StatusCode, renewed.AcquiredLease!.ResourceKey));
        Assert.IsType<GranaryException>(renewed.FailureException);
    }

    private GranaryLeaseProvider Provider(GranaryClient client) => new(client, Options.Create(new ClusterOptions { ServiceId = _service }));
}
