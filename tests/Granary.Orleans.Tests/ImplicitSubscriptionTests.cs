using System.Net;
using Granary.Orleans.Streams.Implicit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Metadata;

namespace Granary.Orleans.Tests;

/// <summary>A grain that nobody has called is told of what changes at the keys that name it, whatever becomes of silos.</summary>
public sealed class ImplicitSubscriptionTests(BothServers servers)
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(90);

    private readonly string _service = Guid.NewGuid().ToString("N");
    private readonly string _name = Guid.NewGuid().ToString("N");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_key_has_its_grain_told_and_no_other(Product product)
    {
        var server = servers.Of(product);
        await using var client = new GranaryClient(server.Address);
        var before = await client.PutAsync(Key("/a"), "0", cancellationToken: Stop);
        using var silo = await Silo(server);
        await IsFollowed(client);
        var first = (await client.Txn().Then(Op.Put(Key("/a"), "1"), Op.Put(Key(), "1"), Op.Put(Key("0/a"), "1")).CommitAsync(Stop)).Revision;
        await client.PutAsync(ToldGrain.Prefix, "names no grain", cancellationToken: Stop);
        var second = (await client.DeleteAsync(KeyRange.Prefix(Key("/")), cancellationToken: Stop)).Revision;
        await Eventually.Holds("all is told", async () => (await Notes(silo)).Count >= 3, Generous, Stop);
        Assert.Equal([$"{first} {Key()}", $"{first} {Key("/a")} was 0", $"{second} -{Key("/a")} was 1"], (await Notes(silo)).Order(StringComparer.Ordinal));
        Assert.Equal([$"{first} {Key("0/a")}"], await Notes(silo, _name + "0"));
        Assert.True(before.Revision < first);
        await silo.StopAsync(Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Nothing_is_missed_while_silos_come_and_go_and_while_there_is_none(Product product)
    {
        const int Changes = 90;
        var server = servers.Of(product);
        await using var client = new GranaryClient(server.Address);
        var expected = new List<string>();
        var silos = new Stack<IHost>();
        silos.Push(await Silo(server));
        await IsFollowed(client);
        silos.Push(await Silo(server));
        for (var i = 0; i < Changes; i++)
        {
            expected.Add($"{(await client.PutAsync(Key($"/{i}"), "1", cancellationToken: Stop)).Revision} {Key($"/{i}")}");
            if (i is 20 or 60)
            {
                using var gone = silos.Pop();
                await gone.StopAsync(Stop);
            }
            else if (i is 40 or 80)
            {
                silos.Push(await Silo(server));
            }
            else if (i == 50)
            {
                await Grain(silos.Peek()).Refuse(3);
            }
        }

        var last = silos.Peek();
        await Eventually.Holds("all is told", async () => (await Notes(last)).Contains(expected[^1]), Generous, Stop);
        Assert.Equal(expected, (await Notes(last)).Distinct());
        while (silos.TryPop(out var silo))
        {
            await silo.StopAsync(Stop);
            silo.Dispose();
        }
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_was_compacted_while_there_was_no_silo_is_told_as_it_is(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        using (var silo = await Silo(server))
        {
            await IsFollowed(client);
            await silo.StopAsync(Stop);
        }

        await client.PutAsync(Key("/a"), "1", cancellationToken: Stop);
        await client.PutAsync(Key("/b"), "1", cancellationToken: Stop);
        await client.DeleteAsync(Key("/b"), cancellationToken: Stop);
        var now = (await client.PutAsync(Key("/a"), "2", cancellationToken: Stop)).Revision;
        await client.CompactAsync(now, cancellationToken: Stop);
        using var later = await Silo(server);
        await Eventually.Holds("it is told", async () => (await Notes(later)) is [var only] && only == $"{now} now {Key("/a")}", Generous, Stop);
        var next = (await client.PutAsync(Key("/a"), "3", cancellationToken: Stop)).Revision;
        await Eventually.Holds("it goes on", async () => (await Notes(later)) is [_, var second] && second == $"{next} {Key("/a")} was 2", Generous, Stop);
        await later.StopAsync(Stop);
    }

    [Fact]
    public void What_cannot_be_is_said_at_the_start()
    {
        using var silo = Builder(servers.Of(Product.Granary)).Build();
        var types = silo.Services.GetRequiredService<GrainTypeResolver>();
        Assert.Contains(
            nameof(IGranarySubscriber), Assert.Throws<InvalidOperationException>(() => ImplicitSubscription.Of([typeof(NoSubscriber)], types, "s")).Message, StringComparison.Ordinal);
        foreach (var endless in new[] { typeof(OfAll), typeof(OfPlaces) })
        {
            Assert.Contains("longer prefix", Assert.Throws<InvalidOperationException>(() => ImplicitSubscription.Of([endless], types, "s")).Message, StringComparison.Ordinal);
        }

        Assert.Empty(ImplicitSubscription.Of([typeof(CounterGrain)], types, "s"));
        var told = Assert.Single(ImplicitSubscription.Of([typeof(ToldGrain)], types, "s"));
        Assert.Equal(told, ImplicitSubscription.Parse(told.Key));
    }

    private string Key(string rest = "") => ToldGrain.Prefix + _name + rest;

    private Task<List<string>> Notes(IHost silo, string? name = null) => Grain(silo, name).Notes();

    private IToldGrain Grain(IHost silo, string? name = null) => silo.Services.GetRequiredService<IGrainFactory>().GetGrain<IToldGrain>(name ?? _name);

    // From then on whatever changes is told.
    private Task IsFollowed(GranaryClient client) => Eventually.Holds(
        "it is noted from where on",
        async () => (await client.RangeAsync(KeyRange.Prefix(ImplicitSubscription.Places(_service)), cancellationToken: Stop)).Count == 1,
        Generous,
        Stop);

    private async Task<IHost> Silo(Server server)
    {
        var host = Builder(server).Build();
        await host.StartAsync(Stop);
        return host;
    }

    private HostApplicationBuilder Builder(Server server)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGranaryClient(options => options.Endpoints.Add(server.Address));
        builder.UseOrleans(silo => silo
            .UseGranaryClustering()
            .AddGranaryGrainStorageAsDefault()
            .AddGranaryImplicitSubscriptions()
            .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (_service, _service))
            .ConfigureEndpoints(IPAddress.Loopback, LoopbackPorts.Take(), LoopbackPorts.Take()));
        return builder;
    }

    [ImplicitGranarySubscription("a/")]
    private sealed class NoSubscriber;

    [ImplicitGranarySubscription("")]
    private sealed class OfAll : Subscriber;

    [ImplicitGranarySubscription("orleans/s/subscriptions/x")]
    private sealed class OfPlaces : Subscriber;

    // No grain: Orleans is not to know of it.
    private abstract class Subscriber : IGranarySubscriber
    {
        public Task OnChangesAsync(GranaryChanges changes) => Task.CompletedTask;
    }
}
