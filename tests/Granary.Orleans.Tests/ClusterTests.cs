using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Granary.Orleans.Tests;

/// <summary>An Orleans cluster that has its silos, states, reminders, directory and leases in the store, as an application makes it.</summary>
public sealed class ClusterTests(BothServers servers)
{
    private const int Queues = 8;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Silos_find_each_other_clients_find_them_and_states_outlive_all(Product product)
    {
        const int Least = 50;
        var count = 0;
        var clusterId = Guid.NewGuid().ToString("N");
        using (var first = await Silo(product, clusterId, "first"))
        using (var second = await Silo(product, clusterId, "second"))
        using (var client = await Client(product, clusterId))
        {
            var grains = client.Services.GetRequiredService<IGrainFactory>();
            var silos = new HashSet<string>();
            await Eventually.Holds(
                "both carry some",
                async () =>
                {
                    var grain = grains.GetGrain<ICounterGrain>($"grain-{count}");
                    await grain.Add(count++);
                    silos.Add(await grain.SiloName());
                    return count >= Least && silos.Count == 2;
                },
                Generous,
                Stop);

            // The one that goes is known to be gone at once, and the others carry its grains.
            await second.StopAsync(Stop);
            for (var number = 0; number < count; number++)
            {
                Assert.Equal(number + 1, await grains.GetGrain<ICounterGrain>($"grain-{number}").Add(1));
            }

            await client.StopAsync(Stop);
            await first.StopAsync(Stop);
        }

        using var later = await Silo(product, clusterId, "later");
        var found = later.Services.GetRequiredService<IGrainFactory>();
        for (var number = 0; number < count; number++)
        {
            Assert.Equal(number + 1, await found.GetGrain<ICounterGrain>($"grain-{number}").Value());
        }

        var cleared = found.GetGrain<ICounterGrain>("grain-7");
        await cleared.Clear();
        Assert.Equal(0, await cleared.Value());
        await cleared.Rest();
        Assert.Equal(3, await cleared.Add(3));
        await later.StopAsync(Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_silo_is_known_to_another_one_by_the_watch(Product product)
    {
        // Nobody gossips, and nobody asks for an hour.
        var clusterId = Guid.NewGuid().ToString("N");
        using var first = await Silo(product, clusterId, "first", options => options.TableRefreshTimeout = TimeSpan.FromHours(1), gossips: false);
        using var second = await Silo(product, clusterId, "second", options => options.TableRefreshTimeout = TimeSpan.FromHours(1), gossips: false);
        var membership = first.Services.GetRequiredService<global::Orleans.Runtime.IClusterMembershipService>();
        await Eventually.Holds(
            "the second is known to be active",
            () => Task.FromResult(membership.CurrentSnapshot.Members.Values.Count(static member => member.Status == global::Orleans.Runtime.SiloStatus.Active) == 2),
            Generous,
            Stop);
        await second.StopAsync(Stop);
        await Eventually.Holds(
            "the second is known to be gone",
            () => Task.FromResult(membership.CurrentSnapshot.Members.Values.Count(static member => member.Status == global::Orleans.Runtime.SiloStatus.Active) == 1),
            Generous,
            Stop);
        await first.StopAsync(Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_reminder_outlives_its_silo(Product product)
    {
        var clusterId = Guid.NewGuid().ToString("N");
        var period = TimeSpan.FromSeconds(1);
        using (var first = await Silo(product, clusterId, "first"))
        {
            var grain = Reminded(first);
            await grain.Begin(period);
            await Eventually.Holds("it is reminded", async () => await grain.Count() >= 2, Generous, Stop);
            await first.StopAsync(Stop);
        }

        using var later = await Silo(product, clusterId, "later");
        var again = Reminded(later);
        var before = await again.Count();
        await Eventually.Holds("it is reminded by another silo", async () => await again.Count() >= before + 2, Generous, Stop);
        await again.End();
        await using var store = new GranaryClient(servers.Of(product).Address);
        Assert.Equal(0, (await store.RangeAsync(KeyRange.Prefix($"orleans/{clusterId}/reminders/"), cancellationToken: Stop)).Count);
        await later.StopAsync(Stop);

        static IRemindedGrain Reminded(IHost silo) => silo.Services.GetRequiredService<IGrainFactory>().GetGrain<IRemindedGrain>("reminded");
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Silos_share_out_the_queues_of_a_stream_by_leases(Product product)
    {
        var clusterId = Guid.NewGuid().ToString("N");
        await using var store = new GranaryClient(servers.Of(product).Address);
        using var first = await Silo(product, clusterId, "first");
        await Eventually.Holds("one silo has all queues", async () => await Tokens() is { Count: Queues }, Generous, Stop);

        // One that is lost is taken again, and the others are kept.
        var kept = (await Tokens())[1..];
        await store.RevokeLeaseAsync(long.Parse((await Tokens())[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Stop);
        await Eventually.Holds("it has all again", async () => await Tokens() is { Count: Queues } now && kept.All(now.Contains), Generous, Stop);
        var before = await Tokens();
        using var second = await Silo(product, clusterId, "second");
        await Eventually.Holds("the other one has some of them", async () => await Tokens() is { Count: Queues } now && now.Except(before).Count() == Queues / 2, Generous, Stop);
        await second.StopAsync(Stop);
        await Eventually.Holds("the one that is left has all", async () => await Tokens() is { Count: Queues }, Generous, Stop);
        await first.StopAsync(Stop);
        await Eventually.Holds("nobody has any", async () => await Tokens() is [], Generous, Stop);

        async Task<List<string>> Tokens() =>
            [.. (await store.RangeAsync(KeyRange.Prefix($"orleans/{clusterId}/leases/"), cancellationToken: Stop)).KeyValues.Select(static pair => pair.Value.ToString())];
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task The_directory_knows_where_grains_are_and_forgets_those_of_a_silo_that_is_gone(Product product)
    {
        const int Least = 30;
        var clusterId = Guid.NewGuid().ToString("N");
        await using var store = new GranaryClient(servers.Of(product).Address);
        using var first = await Silo(product, clusterId, "first");
        using var second = await Silo(product, clusterId, "second");
        var grains = first.Services.GetRequiredService<IGrainFactory>();
        var others = second.Services.GetRequiredService<IGrainFactory>();
        var silos = new List<string>();
        await Eventually.Holds(
            "both carry some",
            async () =>
            {
                silos.Add(await (silos.Count % 2 == 0 ? grains : others).GetGrain<ICounterGrain>($"grain-{silos.Count}").SiloName());
                return silos.Count >= Least && silos.Contains("first") && silos.Contains("second");
            },
            Generous,
            Stop);

        // Orleans has grains of its own there too.
        var entries = (await store.RangeAsync(KeyRange.Prefix($"orleans/{clusterId}/directory/default/grains/counter"), cancellationToken: Stop)).KeyValues;
        Assert.Equal(silos.Count, entries.Count);
        var secondPort = second.Services.GetRequiredService<global::Orleans.Runtime.ILocalSiloDetails>().SiloAddress.Endpoint.Port;
        Assert.Equal(silos.Count(static name => name == "second"), entries.Count(entry => entry.Value.ToString().Contains($":{secondPort}@", StringComparison.Ordinal)));

        await second.StopAsync(Stop);
        await Eventually.Holds(
            "nothing of it is left",
            async () => !(await store.RangeAsync(KeyRange.Prefix($"orleans/{clusterId}/directory/default/"), cancellationToken: Stop)).KeyValues
                .Any(entry => $"{entry.Key} {entry.Value}".Contains($":{secondPort}@", StringComparison.Ordinal)),
            Generous,
            Stop);
        for (var number = 0; number < silos.Count; number++)
        {
            Assert.Equal("first", await grains.GetGrain<ICounterGrain>($"grain-{number}").SiloName());
        }

        await first.StopAsync(Stop);
    }

    private async Task<IHost> Silo(Product product, string clusterId, string name, Action<ClusterMembershipOptions>? configure = null, bool gossips = true)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGranaryClient(options => options.Endpoints.Add(servers.Of(product).Address));
        builder.UseOrleans(silo => silo
            .UseGranaryClustering()
            .AddGranaryGrainStorageAsDefault()
            .UseGranaryReminderService()
            .UseGranaryGrainDirectoryAsDefault()
            .UseGranaryLeaseProvider()
            .AddGranaryGrainStorage("PubSubStore")
            .AddMemoryStreams("numbers", static streams =>
            {
                streams.ConfigurePartitioning(Queues);
                streams.UseLeaseBasedQueueBalancer(static balancer => balancer.Configure(static options =>
                    (options.LeaseLength, options.LeaseRenewPeriod, options.LeaseAcquisitionPeriod) = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1))));
            })
            .Configure<ReminderOptions>(static options => options.MinimumReminderPeriod = TimeSpan.FromSeconds(1))
            .Configure<SiloOptions>(options => options.SiloName = name)
            .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (clusterId, clusterId))
            .Configure<ClusterMembershipOptions>(options =>
            {
                options.UseLivenessGossip = gossips;
                configure?.Invoke(options);
            })
            .ConfigureEndpoints(IPAddress.Loopback, LoopbackPorts.Take(), LoopbackPorts.Take()));
        var host = builder.Build();
        await host.StartAsync(Stop);
        return host;
    }

    private async Task<IHost> Client(Product product, string clusterId)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGranaryClient(options => options.Endpoints.Add(servers.Of(product).Address));
        builder.UseOrleansClient(client => client
            .UseGranaryClustering()
            .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (clusterId, clusterId)));
        var host = builder.Build();
        await host.StartAsync(Stop);
        return host;
    }
}
