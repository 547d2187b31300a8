using Granary.Benchmarks.Load;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Runs the same workloads against etcd and Granary in turn, each on a fresh server that is alone on the machine.</summary>
internal sealed class Comparison(CompareOptions options, TextWriter output)
{
    private const int Keys = 100_000;
    private const int KeyBytes = 16;
    private const int ValueBytes = 256;

    private readonly KeySpace _keys = new(Keys, KeyBytes, ValueBytes, seed: 1);

    public async Task Run(IEnumerable<Case> cases, CancellationToken cancellationToken)
    {
        foreach (var one in cases)
        {
            var etcd = new List<LoadResult>();
            var granary = new List<LoadResult>();
            for (var round = 0; round < options.Rounds; round++)
            {
                etcd.Add(await Measure(Product.Etcd, one, cancellationToken));
                granary.Add(await Measure(Product.Granary, one, cancellationToken));
            }

            Write(one, etcd, granary);
        }
    }

    private async Task<LoadResult> Measure(Product product, Case one, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var endpoint = new Uri(server.Address);
        await Fill.Run(endpoint, _keys, cancellationToken);
        var result = await LoadRun.Run(
            new LoadOptions
            {
                Endpoint = endpoint,
                Workload = one.Workload,
                Clients = one.Clients,
                Connections = one.Connections,
                Keys = _keys,
                Warmup = options.Warmup,
                Duration = options.Duration,
                ServerProcessId = server.ProcessId,
            },
            cancellationToken);
        await Console.Error.WriteLineAsync($"{product}, {one.Title}: {result}");
        return result;
    }

    private void Write(Case one, List<LoadResult> etcd, List<LoadResult> granary)
    {
        output.WriteLine($"### {one.Title}");
        var table = new ComparisonTable(output);
        table.Row("req/s", "F0", Median.Of(etcd, r => r.RequestsPerSecond), Median.Of(granary, r => r.RequestsPerSecond));
        table.Row("p50, ms", "F2", Median.Of(etcd, r => r.P50Milliseconds), Median.Of(granary, r => r.P50Milliseconds));
        table.Row("p99, ms", "F2", Median.Of(etcd, r => r.P99Milliseconds), Median.Of(granary, r => r.P99Milliseconds));
        table.Row("server CPU, µs/op", "F1", Median.Of(etcd, r => r.ServerCpuMicrosecondsPerRequest!.Value), Median.Of(granary, r => r.ServerCpuMicrosecondsPerRequest!.Value));
        table.Row("client CPU, µs/op", "F1", Median.Of(etcd, r => r.ClientCpuMicrosecondsPerRequest), Median.Of(granary, r => r.ClientCpuMicrosecondsPerRequest));
        table.Row("RSS, MB", "F0", Median.Of(etcd, r => r.ServerRssMegabytes!.Value), Median.Of(granary, r => r.ServerRssMegabytes!.Value));
        table.Row("errors", "F0", etcd.Sum(r => r.Errors), granary.Sum(r => r.Errors));
        table.Row("CPU used by others, %", "F0", Median.Of(etcd, r => 100 * r.OthersCpuShare), Median.Of(granary, r => 100 * r.OthersCpuShare));
        output.WriteLine();
    }
}
