using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Runs the same workloads against etcd and Granary in turn, each on a fresh server that is alone on the machine.</summary>
internal sealed class Comparison(CompareOptions options, Report report)
{
    private const int Keys = 100_000;
    private const int KeyBytes = 16;
    private const int ValueBytes = 256;

    private readonly KeySpace _keys = new(Keys, KeyBytes, ValueBytes, seed: 1);

    public async Task Run(IEnumerable<Case> cases, CancellationToken cancellationToken)
    {
        foreach (var one in cases)
        {
            Write(one, await Rounds<LoadResult>.Run(options.Rounds, one.Title, product => Measure(product, one, cancellationToken)));
        }
    }

    private async Task<LoadResult> Measure(Product product, Case one, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var endpoint = new Uri(server.Address);
        await Fill.Run(endpoint, _keys, cancellationToken);
        return await LoadRun.Run(
            new LoadOptions
            {
                Endpoints = [endpoint],
                Workload = one.Workload,
                Clients = one.Clients,
                Connections = one.Connections,
                Keys = _keys,
                Warmup = options.Warmup,
                Duration = options.Duration,
                ServerProcessId = server.ProcessId,
            },
            cancellationToken);
    }

    private void Write(Case one, Rounds<LoadResult> rounds)
    {
        var table = report.Table(one.Title);
        rounds.Row(table, "req/s", "F0", Better.More, r => r.RequestsPerSecond, isPrincipal: true);
        rounds.Row(table, "p50, ms", "F2", Better.Less, r => r.P50Milliseconds);
        rounds.Row(table, "p99, ms", "F2", Better.Less, r => r.P99Milliseconds, isPrincipal: true);
        if (one.Workload == Workload.Kubernetes)
        {
            rounds.Row(table, "events/s", "F0", Better.More, r => r.EventsPerSecond!.Value);
        }

        rounds.Row(table, "server CPU, µs/op", "F1", Better.Less, r => r.ServerCpuMicrosecondsPerRequest!.Value, isPrincipal: true);
        rounds.Row(table, "client CPU, µs/op", "F1", Better.Neither, r => r.ClientCpuMicrosecondsPerRequest);
        rounds.Row(table, "RSS, MB", "F0", Better.Less, r => r.ServerRssMegabytes!.Value, isPrincipal: true);
        table.Row("errors", "F0", Better.Neither, rounds.Etcd.Sum(r => r.Errors), rounds.Granary.Sum(r => r.Errors));
        rounds.Row(table, "CPU used by others, %", "F0", Better.Neither, r => 100 * r.OthersCpuShare);
    }
}
