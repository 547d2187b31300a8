using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks;

/// <summary>Real etcd and Granary in turn, in one run, one at a time; medians over rounds, and their ratios.</summary>
internal static class Comparison
{
    private static readonly (string Name, LoadOptions Options)[] Loads =
    [
        ("put, 100 clients", new LoadOptions { Workload = Workload.Put, Clients = 100, Connections = 10 }),
        ("put, 1000 clients", new LoadOptions { Workload = Workload.Put, Clients = 1000, Connections = 100 }),
        ("range of one key, 100 clients", new LoadOptions { Workload = Workload.Range, Clients = 100, Connections = 10 }),
        ("mixed 9:1, 100 clients", new LoadOptions { Workload = Workload.Mixed, Clients = 100, Connections = 10 }),
        ("txn, 100 clients", new LoadOptions { Workload = Workload.Txn, Clients = 100, Connections = 10 }),
    ];

    public static async Task Throughput(int rounds, TimeSpan warmUp, TimeSpan duration, string? only, CancellationToken cancellationToken)
    {
        Console.WriteLine("| load | server | req/s | p50 ms | p99 ms | server CPU µs/op | RSS MiB |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (name, options) in Loads.Where(load => only is null || load.Name.Contains(only, StringComparison.Ordinal)))
        {
            var samples = new Dictionary<Product, List<Sample>> { [Product.Etcd] = [], [Product.Granary] = [] };
            for (var round = 0; round < rounds; round++)
            {
                foreach (var product in samples.Keys)
                {
                    samples[product].Add(await Measure(product, options with { WarmUp = warmUp, Duration = duration, Seed = round + 1 }, cancellationToken));
                }
            }

            var etcd = Sample.Median(samples[Product.Etcd]);
            var granary = Sample.Median(samples[Product.Granary]);
            Console.WriteLine($"| {name} | etcd | {etcd} |");
            Console.WriteLine($"| | Granary | {granary} |");
            Console.WriteLine($"| | **ratio** | {granary.RatioTo(etcd)} |");
        }
    }

    public static async Task Restart(int keys, int rounds, CancellationToken cancellationToken)
    {
        Console.WriteLine($"| {keys} keys of 256 B | load s | restart after SIGTERM s | RSS MiB | restart after SIGKILL s | RSS MiB |");
        Console.WriteLine("|---|---|---|---|---|---|");
        var medians = new Dictionary<Product, double[]>();
        foreach (var product in (Product[])[Product.Etcd, Product.Granary])
        {
            await using var server = await Server.Start(product, cancellationToken, "--quota-backend-bytes=8589934592");
            var value = new byte[256];
            new Random(1).NextBytes(value);
            var start = Stopwatch.GetTimestamp();
            await Fill.Run(server.Channel, Enumerable.Range(0, keys).Select(i => ByteString.CopyFromUtf8($"bench-{i:D10}")), value);
            var load = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var stopped = new List<(double Seconds, double Rss)>();
            var killed = new List<(double Seconds, double Rss)>();
            for (var round = 0; round < rounds; round++)
            {
                await server.Stop(cancellationToken);
                stopped.Add(await FirstRead(server, cancellationToken));
                await server.Kill(cancellationToken);
                killed.Add(await FirstRead(server, cancellationToken));
            }

            medians[product] = [load, Median(stopped, s => s.Seconds), Median(stopped, s => s.Rss), Median(killed, s => s.Seconds), Median(killed, s => s.Rss)];
            Console.WriteLine($"| {product} | {Cells(medians[product])} |");
        }

        Console.WriteLine($"| **ratio** | {Cells([.. medians[Product.Granary].Zip(medians[Product.Etcd], (g, e) => g / e)])} |");
    }

    private static async Task<(double Seconds, double Rss)> FirstRead(Server server, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        await server.StartAgain(cancellationToken);
        var answer = await new KV.KVClient(server.Channel).RangeAsync(
            new RangeRequest { Key = ByteString.CopyFromUtf8($"bench-{77:D10}") }, new CallOptions(cancellationToken: cancellationToken).WithWaitForReady());
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (answer.Count != 1)
        {
            throw new InvalidOperationException("the key is gone");
        }

        return (seconds, ProcessUsage.Of(server.ProcessId).ResidentBytes / (double)(1 << 20));
    }

    private static async Task<Sample> Measure(Product product, LoadOptions options, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken, "--quota-backend-bytes=8589934592");
        ProcessUsage before = default;
        ProcessUsage after = default;
        var result = await Load.Run(
            server.Address,
            options,
            () =>
            {
                before = ProcessUsage.Of(server.ProcessId);
                return Task.CompletedTask;
            },
            () =>
            {
                after = ProcessUsage.Of(server.ProcessId);
                return Task.CompletedTask;
            });
        if (result.Errors > 0)
        {
            throw new InvalidOperationException($"{result.Errors} calls to {product} failed.");
        }

        return new Sample(
            result.CallsPerSecond,
            result.Milliseconds(50),
            result.Milliseconds(99),
            (after.Cpu - before.Cpu).TotalMicroseconds / result.Calls,
            after.ResidentBytes / (double)(1 << 20));
    }

    private static string Cells(double[] values) => string.Join(" | ", values.Select(value => value.ToString("0.00", CultureInfo.InvariantCulture)));

    private static double Median<T>(IEnumerable<T> items, Func<T, double> value)
    {
        var sorted = items.Select(value).Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private sealed record Sample(double Rate, double P50, double P99, double CpuMicroseconds, double Rss)
    {
        public static Sample Median(List<Sample> samples) => new(
            Comparison.Median(samples, s => s.Rate),
            Comparison.Median(samples, s => s.P50),
            Comparison.Median(samples, s => s.P99),
            Comparison.Median(samples, s => s.CpuMicroseconds),
            Comparison.Median(samples, s => s.Rss));

        public string RatioTo(Sample other) =>
            Cells([Rate / other.Rate, P50 / other.P50, P99 / other.P99, CpuMicroseconds / other.CpuMicroseconds, Rss / other.Rss]);

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"{Rate:0} | {P50:0.00} | {P99:0.00} | {CpuMicroseconds:0.0} | {Rss:0}");
    }
}
