using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// Three members of etcd beside three silos with a log in PostgreSQL, in turn: puts of many clients at all members, of one at the leader, ranges
/// at one that follows, how soon a put is told there. And how long a new silo takes to join.
/// </summary>
internal sealed class ClusterComparison(CompareOptions options, int joinKeys, Report report)
{
    private const int Size = 3;
    private const int Keys = 100_000;
    private const int Clients = 100;
    private const int Events = 1000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly KeySpace _keys = new(Keys, 16, 256, seed: 1);

    /// <summary>Without a round only the joining is measured.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        if (options.Rounds > 0)
        {
            await Compare(cancellationToken);
        }

        if (joinKeys > 0)
        {
            var seconds = await Join(cancellationToken);
            report.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nA new silo joins {joinKeys:N0} keys in {seconds:F1} s."));
        }
    }

    private async Task Compare(CancellationToken cancellationToken)
    {
        var rounds = await Rounds<Figures>.Run(options.Rounds, "cluster", async product =>
        {
            if (product == Product.Etcd)
            {
                await using var etcd = await EtcdGroup.Start(Size, cancellationToken);
                return await Measure(etcd.Servers, () => etcd.Leader(cancellationToken), cancellationToken);
            }

            await using var granary = await PostgresGroup.Start(Size, hasWires: false, cancellationToken);
            return await Measure(granary.Servers, () => granary.Leader(cancellationToken), cancellationToken);
        });
        var table = report.Table($"{Size} members on one machine");
        rounds.Row(table, $"puts/s, {Clients} clients at all members", "F0", Better.More, static figures => figures.Puts.RequestsPerSecond, isPrincipal: true);
        rounds.Row(table, "— p50, ms", "F1", Better.Less, static figures => figures.Puts.P50Milliseconds);
        rounds.Row(table, "— p99, ms", "F1", Better.Less, static figures => figures.Puts.P99Milliseconds, isPrincipal: true);
        rounds.Row(table, "puts/s, one client at the leader", "F0", Better.More, static figures => figures.OneClient.RequestsPerSecond, isPrincipal: true);
        rounds.Row(table, $"ranges/s, {Clients} clients at one that follows", "F0", Better.More, static figures => figures.Ranges.RequestsPerSecond, isPrincipal: true);
        rounds.Row(table, "put at the leader → event at one that follows, p50, ms", "F2", Better.Less, static figures => figures.EventMilliseconds, isPrincipal: true);
    }

    private async Task<Figures> Measure(IReadOnlyList<Server> servers, Func<Task<Server?>> findLeader, CancellationToken cancellationToken)
    {
        Server? leader = null;
        await Eventually.Holds("there is a leader", async () => (leader = await findLeader()) is not null, Deadline, cancellationToken);
        var follower = servers.First(server => server != leader);
        await Fill.Run(new Uri(leader!.Address), _keys, cancellationToken);
        var load = new LoadOptions { Endpoints = [new Uri(leader.Address)], Keys = _keys, Clients = Clients, Warmup = options.Warmup, Duration = options.Duration };
        var everywhere = load with
        {
            Endpoints = [.. servers.Select(static server => new Uri(server.Address))],
            Connections = 12,

            // Each silo compiles the same for itself, on the CPUs that one has to itself in other comparisons.
            Warmup = Size * options.Warmup,
        };
        return new Figures(
            await LoadRun.Run(everywhere, cancellationToken),
            await LoadRun.Run(load with { Clients = 1, Connections = 1 }, cancellationToken),
            await LoadRun.Run(load with { Workload = Workload.Range, Endpoints = [new Uri(follower.Address)] }, cancellationToken),
            await MeasureEvents(leader, follower, cancellationToken));
    }

    private static async Task<double> MeasureEvents(Server leader, Server follower, CancellationToken cancellationToken)
    {
        using var writer = new Connection(new Uri(leader.Address));
        using var reader = new Connection(new Uri(follower.Address));
        var key = ByteString.CopyFromUtf8("told");
        using var watch = reader.Watch.Watch(cancellationToken: cancellationToken);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } }, cancellationToken);
        await watch.ResponseStream.MoveNext(cancellationToken);
        var times = new List<double>();
        for (var i = 0; i < Events; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var put = writer.Kv.PutAsync(new PutRequest { Key = key }, cancellationToken: cancellationToken).ResponseAsync;
            await watch.ResponseStream.MoveNext(cancellationToken);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            await put;
        }

        return Median.Of(times, static time => time);
    }

    private async Task<double> Join(CancellationToken cancellationToken)
    {
        await using var group = await PostgresGroup.Start(1, hasWires: false, cancellationToken);
        await Fill.Run(new Uri(group.Servers[0].Address), new KeySpace(joinKeys, 16, 256, seed: 1), cancellationToken);
        var start = Stopwatch.GetTimestamp();
        await group.Grow(cancellationToken);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private sealed record Figures(LoadResult Puts, LoadResult OneClient, LoadResult Ranges, double EventMilliseconds)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"\n  puts {Puts}\n  one client {OneClient}\n  ranges {Ranges}\n  event p50 {EventMilliseconds:F2} ms");
    }
}
