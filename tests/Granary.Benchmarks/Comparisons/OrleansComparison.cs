extern alias program;

using Granary.Benchmarks.Reports;
using Granary.Client;
using Granary.Orleans;
using Granary.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.GrainDirectory;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;
using program::Granary.Server;
using StackExchange.Redis;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// What Orleans keeps elsewhere, with Redis and with Granary in turn: states, reminders, the directory. Granary is asked by gRPC, as Redis is by its
/// protocol, and then within the cluster.
/// </summary>
internal sealed class OrleansComparison(CompareOptions options, Report report)
{
    /// <summary>Measures, and prints two tables.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using var redis = await RedisServer.Start(cancellationToken);
        await using var server = await Server.Start(Product.Granary, cancellationToken);
        var directory = Directory.CreateTempSubdirectory("granary-orleans-").FullName;
        using var redisSilo = await Silo(
            silo =>
            {
                var configuration = ConfigurationOptions.Parse($"127.0.0.1:{redis.Port}");
                silo.AddRedisGrainStorage(OrleansProviders.Name, storage => storage.ConfigurationOptions = configuration);
                silo.UseRedisReminderService(reminders => reminders.ConfigurationOptions = configuration);
                silo.AddRedisGrainDirectory(OrleansProviders.Name, entries => entries.ConfigurationOptions = configuration);
            },
            cancellationToken);
        using var granarySilo = await Silo(
            silo =>
            {
                silo.Services.AddGranaryClient(client => client.Endpoints.Add(server.Address));
                AddGranary(silo);
            },
            cancellationToken);
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await using (var host = await GranaryHost.StartAsync(
            new Dictionary<string, string> { ["data-dir"] = directory, ["listen-client-urls"] = address, ["advertise-client-urls"] = address, ["log-level"] = "error" },
            silo =>
            {
                silo.AddGranaryClient();
                AddGranary(silo);
            },
            cancellationToken))
        {
            List<OrleansProviders.Figures> ofRedis = [], ofGranary = [], within = [];
            for (var round = 0; round < options.Rounds; round++)
            {
                ofRedis.Add(await Providers(redisSilo.Services).Measure(cancellationToken));
                ofGranary.Add(await Providers(granarySilo.Services).Measure(cancellationToken));
                within.Add(await Providers(host.Services).Measure(cancellationToken));
                await Console.Error.WriteLineAsync($"Redis {ofRedis[^1]}, Granary {ofGranary[^1]}, within the cluster {within[^1]}");
            }

            Table("Granary", ofRedis, ofGranary);
            Table("Granary within the cluster", ofRedis, within);
        }

        await redisSilo.StopAsync(cancellationToken);
        await granarySilo.StopAsync(cancellationToken);
        Directory.Delete(directory, recursive: true);
    }

    private static void AddGranary(ISiloBuilder silo)
    {
        silo.AddGranaryGrainStorage(OrleansProviders.Name);
        silo.UseGranaryReminderService();
        silo.AddGranaryGrainDirectory(OrleansProviders.Name);
    }

    private static async Task<IHost> Silo(Action<ISiloBuilder> configure, CancellationToken cancellationToken)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(LoopbackPorts.Take(), LoopbackPorts.Take());
            configure(silo);
        });
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        return host;
    }

    private OrleansProviders Providers(IServiceProvider services) => new(
        services.GetRequiredKeyedService<IGrainStorage>(OrleansProviders.Name),
        services.GetRequiredService<IReminderTable>(),
        services.GetRequiredKeyedService<IGrainDirectory>(OrleansProviders.Name),
        services.GetRequiredService<ILocalSiloDetails>().SiloAddress,
        options);

    private void Table(string name, List<OrleansProviders.Figures> ofRedis, List<OrleansProviders.Figures> ofGranary)
    {
        var table = report.Table($"Orleans' providers: {name}", "Redis", name);
        Row("states written/s, 100 callers", static figures => figures.Write);
        Row("states written/s, one caller", static figures => figures.WriteOfOne);
        Row("states read/s, 100 callers", static figures => figures.Read);
        Row("reminders written/s, 100 callers", static figures => figures.Reminder);
        Row("entries of the directory made and removed/s, 100 callers", static figures => figures.Entry);

        void Row(string row, Func<OrleansProviders.Figures, ClientLoad.Rate> figure) =>
            table.Row(
                row, "F0", Better.More, Median.Of(ofRedis, round => figure(round).PerSecond), Median.Of(ofGranary, round => figure(round).PerSecond), isPrincipal: true);
    }
}
