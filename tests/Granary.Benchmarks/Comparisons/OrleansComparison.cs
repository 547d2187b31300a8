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
/// What Orleans keeps elsewhere, with Redis, with PostgreSQL and with Granary in turn: states, reminders, the directory. Granary is asked by gRPC, as the others are
/// by their protocols, and then within the cluster.
/// </summary>
internal sealed class OrleansComparison(CompareOptions options, Report report)
{
    /// <summary>Measures, and prints a table of each two.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using var redis = await RedisServer.Start(cancellationToken);
        await using var postgres = await PostgresServer.Start(cancellationToken);
        await postgres.MakeAdoNetTables(cancellationToken);
        await using var server = await Server.Start(Product.Granary, cancellationToken);
        var directory = Directory.CreateTempSubdirectory("granary-orleans-").FullName;
        using var redisSilo = await Silo(silo => AddRedis(silo, ConfigurationOptions.Parse($"127.0.0.1:{redis.Port}")), cancellationToken);
        using var postgresSilo = await Silo(silo => AddAdoNet(silo, postgres.ConnectionString()), cancellationToken);
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
            (string Name, OrleansProviders Providers, List<OrleansProviders.Figures> Rounds)[] all =
            [
                ("Redis", Providers(redisSilo.Services), []),
                ("PostgreSQL", Providers(postgresSilo.Services), []),
                ("Granary", Providers(granarySilo.Services), []),
                ("Granary within the cluster", Providers(host.Services), []),
            ];
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (name, providers, rounds) in all)
                {
                    rounds.Add(await providers.Measure(cancellationToken));
                    await Console.Error.WriteLineAsync($"{name}: {rounds[^1]}");
                }
            }

            foreach (var other in all[..2])
            {
                foreach (var ours in all[2..])
                {
                    Table(other.Name, other.Rounds, ours.Name, ours.Rounds);
                }
            }
        }

        await redisSilo.StopAsync(cancellationToken);
        await postgresSilo.StopAsync(cancellationToken);
        await granarySilo.StopAsync(cancellationToken);
        Directory.Delete(directory, recursive: true);
    }

    private static void AddRedis(ISiloBuilder silo, ConfigurationOptions configuration)
    {
        silo.AddRedisGrainStorage(OrleansProviders.Name, storage => storage.ConfigurationOptions = configuration);
        silo.UseRedisReminderService(reminders => reminders.ConfigurationOptions = configuration);
        silo.AddRedisGrainDirectory(OrleansProviders.Name, entries => entries.ConfigurationOptions = configuration);
    }

    // Of the ADO.NET directory there is no release.
    private static void AddAdoNet(ISiloBuilder silo, string connection)
    {
        const string Invariant = "Npgsql";
        silo.AddAdoNetGrainStorage(OrleansProviders.Name, storage => (storage.Invariant, storage.ConnectionString) = (Invariant, connection));
        silo.UseAdoNetReminderService(reminders => (reminders.Invariant, reminders.ConnectionString) = (Invariant, connection));
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
        services.GetKeyedService<IGrainDirectory>(OrleansProviders.Name),
        services.GetRequiredService<ILocalSiloDetails>().SiloAddress,
        options);

    private void Table(string other, List<OrleansProviders.Figures> ofOther, string ours, List<OrleansProviders.Figures> ofOurs)
    {
        var table = report.Table($"Orleans' providers: {ours} beside {other}", other, ours);
        Row("states written/s, 100 callers", static figures => figures.Write);
        Row("states written/s, one caller", static figures => figures.WriteOfOne);
        Row("states read/s, 100 callers", static figures => figures.Read);
        Row("reminders written/s, 100 callers", static figures => figures.Reminder);
        if (ofOther.TrueForAll(static figures => figures.Entry is not null))
        {
            Row("entries of the directory made and removed/s, 100 callers", static figures => figures.Entry!);
        }

        void Row(string row, Func<OrleansProviders.Figures, ClientLoad.Rate> figure) =>
            table.Row(row, "F0", Better.More, Median.Of(ofOther, round => figure(round).PerSecond), Median.Of(ofOurs, round => figure(round).PerSecond), isPrincipal: true);
    }
}
