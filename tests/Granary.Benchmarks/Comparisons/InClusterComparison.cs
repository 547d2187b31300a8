extern alias program;

using Granary.Benchmarks.Reports;
using Granary.Client;
using Granary.Testing;
using Microsoft.Extensions.DependencyInjection;
using program::Granary.Server;

namespace Granary.Benchmarks.Comparisons;

/// <summary>The client of a server's own process beside one by gRPC over loopback, in turn, both in the process of the server.</summary>
internal sealed class InClusterComparison(CompareOptions options, Report report)
{
    private const int Callers = 100;

    /// <summary>Measures, and prints a table.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("granary-in-cluster-").FullName;
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var settings = new Dictionary<string, string>
        {
            ["data-dir"] = directory,
            ["listen-client-urls"] = address,
            ["advertise-client-urls"] = address,
            ["log-level"] = "error",
        };
        List<Figures> wireRounds = [];
        List<Figures> directRounds = [];
        await using (var host = await GranaryHost.StartAsync(settings, static silo => silo.AddGranaryClient(), cancellationToken))
        {
            await using var wire = new GranaryClient(address);
            var direct = host.Services.GetRequiredService<IGranaryClient>();
            for (var round = 0; round < options.Rounds; round++)
            {
                wireRounds.Add(await Measure(wire, cancellationToken));
                directRounds.Add(await Measure(direct, cancellationToken));
                await Console.Error.WriteLineAsync($"by gRPC {wireRounds[^1]}, within the cluster {directRounds[^1]}");
            }
        }

        Directory.Delete(directory, recursive: true);
        var table = report.Table("The client of the server's own process", "by gRPC", "within the cluster");
        Row("puts/s, 100 callers", static figures => figures.Put);
        Row("puts/s, one caller", static figures => figures.PutOfOne);
        Row("reads of one key/s, 100 callers", static figures => figures.Get);
        Row("reads of one key/s, one caller", static figures => figures.GetOfOne);
        Row("events/s of 20 watches of the same", static figures => figures.Watch);

        void Row(string name, Func<Figures, ClientLoad.Rate> figure)
        {
            table.Row(
                name, "F0", Better.More, Median.Of(wireRounds, round => figure(round).PerSecond), Median.Of(directRounds, round => figure(round).PerSecond), isPrincipal: true);
            table.Row("— bytes allocated for one", "F0", Better.Less, Median.Of(wireRounds, round => figure(round).Bytes), Median.Of(directRounds, round => figure(round).Bytes));
        }
    }

    private async Task<Figures> Measure(IGranaryClient client, CancellationToken cancellationToken)
    {
        var load = new ClientLoad(options);
        return new Figures(
            await load.Measure(Callers, Put, cancellationToken),
            await load.Measure(1, Put, cancellationToken),
            await load.Measure(Callers, Get, cancellationToken),
            await load.Measure(1, Get, cancellationToken),
            await ClientLoad.Watch(client, (start, told, ending) => ClientLoad.Told(client, start, told, ending), cancellationToken));

        Task Put(string key) => client.PutAsync(key, ClientLoad.Value, cancellationToken: cancellationToken);

        Task Get(string key) => client.GetAsync(key, cancellationToken);
    }

    private sealed record Figures(ClientLoad.Rate Put, ClientLoad.Rate PutOfOne, ClientLoad.Rate Get, ClientLoad.Rate GetOfOne, ClientLoad.Rate Watch);
}
