using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;

namespace Granary.Orleans.Tests;

/// <summary>A grain is told of every change below a prefix once, in its turns, whatever becomes of it and of the server.</summary>
public sealed class GranaryStreamTests(BothServers servers)
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly string _prefix = servers.NewPrefix();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_grain_is_told_of_its_prefixes_from_any_revision_on(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        using var silo = await Silo(servers.Of(product));
        var first = (await client.Txn().Then(Op.Put(_prefix + "a/1", "1"), Op.Put(_prefix + "b/1", "1"), Op.Put(_prefix + "a/2", "1")).CommitAsync(Stop)).Revision;
        var second = (await client.PutAsync(_prefix + "c/1", "1", cancellationToken: Stop)).Revision;
        var grain = Grain(silo, "follower");
        await grain.Follow(_prefix + "a/", first);
        await grain.Follow(_prefix + "c/", second);
        var third = (await client.DeleteAsync(KeyRange.Prefix(_prefix), cancellationToken: Stop)).Revision;
        await Eventually.Holds("all is told", async () => (await grain.Notes()).Count == 4, Generous, Stop);
        Assert.Equal(
            new[] { $"{first} {_prefix}a/1 {_prefix}a/2", $"{second} {_prefix}c/1", $"{third} {_prefix}a/1 {_prefix}a/2", $"{third} {_prefix}c/1" }.Order(StringComparer.Ordinal),
            (await grain.Notes()).Order(StringComparer.Ordinal));
        await silo.StopAsync(Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Nothing_is_missed_or_told_twice_over_deactivations_and_refusals(Product product)
    {
        const int Changes = 60;
        await using var client = new GranaryClient(servers.Of(product).Address);
        using var silo = await Silo(servers.Of(product));
        var grain = Grain(silo, "sleeper");
        await grain.Follow(_prefix, (await client.GetStatusAsync(Stop)).Revision + 1);
        var expected = new List<string>();
        for (var i = 0; i < Changes; i++)
        {
            expected.Add($"{(await client.PutAsync($"{_prefix}{i}", "1", cancellationToken: Stop)).Revision} {_prefix}{i}");
            if (i is 20 or 40)
            {
                await grain.GoAway();
            }
            else if (i is 10 or 50)
            {
                await grain.Refuse(3);
            }
        }

        await Eventually.Holds("all is told", async () => (await grain.Notes()).Count >= Changes, Generous, Stop);
        Assert.Equal(expected, await grain.Notes());
        Assert.Equal(3, await grain.Activations());
        await silo.StopAsync(Stop);
    }

    [Fact]
    public async Task A_grain_is_not_told_within_a_call_that_waits()
    {
        var server = servers.Of(Product.Granary);
        await using var client = new GranaryClient(server.Address);
        using var silo = await Silo(server);
        var grain = Grain(silo, "paused");
        await grain.Follow(_prefix, (await client.GetStatusAsync(Stop)).Revision + 1);
        var pause = grain.Pause();
        for (var i = 0; i < 100; i++)
        {
            await client.PutAsync($"{_prefix}{i}", "1", cancellationToken: Stop);
        }

        await silo.Services.GetRequiredService<IGrainFactory>().GetGrain<IPausedGrain>("paused").Resume();
        await pause;
        await Eventually.Holds("all is told", async () => (await grain.Notes()).Count == 100, Generous, Stop);
        Assert.DoesNotContain(await grain.Notes(), note => note.EndsWith("within a call", StringComparison.Ordinal));
        await silo.StopAsync(Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_is_compacted_is_told_as_such_and_a_server_that_is_killed_is_not(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        using var silo = await Silo(server);
        await client.PutAsync("a", "1", cancellationToken: Stop);
        var last = (await client.PutAsync("a", "2", cancellationToken: Stop)).Revision;
        await client.CompactAsync(last, cancellationToken: Stop);
        var late = Grain(silo, "late");
        await late.Follow("a", 1);
        await Eventually.Holds("it is told", async () => (await late.Notes()) is [nameof(CompactedException)], Generous, Stop);

        var follower = Grain(silo, "follower");
        await follower.Follow("b", last + 1);
        await client.PutAsync("b", "1", cancellationToken: Stop);
        await Eventually.Holds("it is told", async () => (await follower.Notes()).Count == 1, Generous, Stop);
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        await client.PutAsync("b", "2", cancellationToken: Stop);
        await Eventually.Holds("it is told again", async () => (await follower.Notes()).Count == 2, Generous, Stop);
        await silo.StopAsync(Stop);
    }

    private static IFollowerGrain Grain(IHost silo, string key) => silo.Services.GetRequiredService<IGrainFactory>().GetGrain<IFollowerGrain>(key);

    private static async Task<IHost> Silo(Server server)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGranaryClient(options => options.Endpoints.Add(server.Address));
        builder.UseOrleans(silo => silo.UseLocalhostClustering(LoopbackPorts.Take(), LoopbackPorts.Take()).AddMemoryGrainStorageAsDefault());
        var host = builder.Build();
        await host.StartAsync(Stop);
        return host;
    }
}
