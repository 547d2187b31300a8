using System.CommandLine;
using Granary.Benchmarks.Comparisons;
using Granary.Testing;

namespace Granary.Benchmarks;

/// <summary>The commands that compare: etcd and Granary on this machine, in turn.</summary>
internal static class CompareCommand
{
    public static Command CreateCompare()
    {
        var rounds = RoundsOption();
        var only = new Option<string?>("--only") { Description = "The workloads whose title starts with this, and no restart." };
        only.Validators.Add(static result =>
        {
            if (Case.Beginning(result.Tokens[0].Value).Count == 0)
            {
                result.AddError($"--only: no workload starts with that, but these do with theirs: {string.Join("; ", Case.All.Select(static one => one.Title))}");
            }
        });
        var all = new Option<bool>("--all")
        {
            Description = "Watches, leases and snapshots too. All of it takes about an hour and a quarter, or a quarter of an hour with --quick.",
        };
        var command = MeasuringCommand.Create("compare", "Workloads and restart, etcd beside Granary.", [rounds, only, all], async (parsed, quick, report, cancellationToken) =>
        {
            var options = Options(quick, parsed.GetValue(rounds));
            var title = parsed.GetValue(only);
            await new Comparison(options, report).Run(title is null ? Case.All : Case.Beginning(title), cancellationToken);
            if (title is null)
            {
                await new RestartComparison(options, report).Run(cancellationToken);
            }

            if (parsed.GetValue(all))
            {
                await new WatchComparison(options, report).Run(cancellationToken);
                await new LeaseComparison(options, report).Run(cancellationToken);
                await new SnapshotComparison(options, report).Run(cancellationToken);
            }
        });
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) && result.GetResult(only) is not null)
            {
                result.AddError("Either --all or --only.");
            }
        });
        return command;
    }

    public static Command CreateRestart() =>
        MeasuringCommand.Create("restart", "Start-up with many keys, etcd beside Granary.", [], (_, quick, report, cancellationToken) =>
            new RestartComparison(Options(quick, null), report).Run(cancellationToken));

    public static Command CreateWatch()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("watch", "Watchers: latency, fan-out, what idle ones cost; etcd beside Granary.", [rounds], (parsed, quick, report, cancellationToken) =>
            new WatchComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateSnapshot()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("snapshot", "Snapshots: throughput and memory of taking them, time of restoring; etcd beside Granary.", [rounds], (parsed, quick, report, cancellationToken) =>
            new SnapshotComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateCompaction()
    {
        var pairs = new Option<long>("--pairs") { Description = "Superseded pairs that are compacted; a tenth with --quick.", DefaultValueFactory = _ => 10_000_000 };
        return MeasuringCommand.Create("compaction", "A compaction of very much history beside puts; Granary alone.", [pairs], (parsed, quick, report, cancellationToken) =>
            new CompactionBesideLoad(parsed.GetValue(pairs) / (quick ? 10 : 1), Options(quick, null), report).Run(cancellationToken));
    }

    public static Command CreateLease()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("lease", "Leases: rates, memory, huge revocations; etcd beside Granary.", [rounds], (parsed, quick, report, cancellationToken) =>
            new LeaseComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateDeletion()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("deletion", "Deletions of very many keys, and who waits for them; etcd beside Granary.", [rounds], (parsed, quick, report, cancellationToken) =>
            new LargeDeletionComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateSecurity()
    {
        var rounds = RoundsOption();
        var only = new Option<string?>("--only") { Description = "One of tls, users, audit." };
        only.AcceptOnlyFromAmong("tls", "users", "audit");
        return MeasuringCommand.Create("security", "What TLS costs, etcd beside Granary, and what users and an audit log do.", [rounds, only], (parsed, quick, report, cancellationToken) =>
            new SecurityComparison(Options(quick, parsed.GetValue(rounds)), report).Run(parsed.GetValue(only), cancellationToken));
    }

    public static Command CreateFailover()
    {
        var kills = new Option<int>("--kills") { Description = "How often the leader is killed.", DefaultValueFactory = _ => 20 };
        return MeasuringCommand.Create("failover", "How long clients wait when the leader is killed: three members of etcd beside three processes with a log in PostgreSQL.", [kills], (parsed, quick, report, cancellationToken) =>
            new FailoverComparison(quick ? Math.Min(4, parsed.GetValue(kills)) : parsed.GetValue(kills), report).Run(cancellationToken));
    }

    public static Command CreateCluster()
    {
        var rounds = RoundsOption();
        var join = new Option<int?>("--join-keys") { Description = "Keys of a store that a new silo joins; 0 for not to. [default: 1000000, or 100000 with --quick]" };
        return MeasuringCommand.Create("cluster", "Three members of etcd beside three silos with a log in PostgreSQL.", [rounds, join], (parsed, quick, report, cancellationToken) =>
            new ClusterComparison(Options(quick, parsed.GetValue(rounds)), parsed.GetValue(join) ?? (quick ? 100_000 : 1_000_000), report).Run(cancellationToken));
    }

    public static Command CreateClient()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("client", "Granary.Client beside dotnet-etcd, both as clients of one Granary.", [rounds], async (parsed, quick, report, cancellationToken) =>
        {
            using var comparison = new ClientComparison(Options(quick, parsed.GetValue(rounds)), report);
            await comparison.Run(cancellationToken);
        });
    }

    public static Command CreateInCluster()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("in-cluster", "The client of a server's own process beside one by gRPC over loopback.", [rounds], (parsed, quick, report, cancellationToken) =>
            new InClusterComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateOrleans()
    {
        var rounds = RoundsOption();
        return MeasuringCommand.Create("orleans", "Granary.Orleans beside Orleans' providers for Redis and ADO.NET (PostgreSQL), each of which flushes what it acknowledges.", [rounds], (parsed, quick, report, cancellationToken) =>
            new OrleansComparison(Options(quick, parsed.GetValue(rounds)), report).Run(cancellationToken));
    }

    public static Command CreateLateness()
    {
        var leases = new Option<int>("--leases") { Description = "Leases that live at once.", DefaultValueFactory = _ => 100_000 };
        var puts = new Option<int>("--puts") { Description = "Puts a second beside them.", DefaultValueFactory = _ => 2_000 };
        var etcd = new Option<bool>("--etcd") { Description = "Measure etcd too." };
        return MeasuringCommand.Create("lateness", "How late leases of 5 to 60 s end, as a watching client sees it.", [leases, puts, etcd], async (parsed, quick, report, cancellationToken) =>
        {
            report.Output.WriteLine();
            report.Output.WriteLine("| | leases live | puts/s | early | late p50, ms | p99, ms | max, ms | not gone | CPU used by others, % |");
            report.Output.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
            foreach (var product in parsed.GetValue(etcd) ? [Product.Etcd, Product.Granary] : (Product[])[Product.Granary])
            {
                var count = quick ? parsed.GetValue(leases) / 10 : parsed.GetValue(leases);
                if (await new LeaseLateness(count, parsed.GetValue(puts), report).Run(product, cancellationToken) > 0)
                {
                    throw new InvalidOperationException($"{product}: a key went before its lease's time was over.");
                }
            }
        });
    }

    private static Option<int?> RoundsOption() =>
        new("--rounds") { Description = "Rounds of which the median is told. [default: 3, or 1 with --quick]" };

    private static CompareOptions Options(bool quick, int? rounds) => new()
    {
        Rounds = rounds ?? (quick ? 1 : 3),

        // A server that compiles as it runs is two to three times as dear in its first seconds; that is not what is compared here.
        Warmup = TimeSpan.FromSeconds(quick ? 10 : 15),
        Duration = TimeSpan.FromSeconds(quick ? 5 : 15),
        RestartKeys = quick ? 200_000 : 1_000_000,
    };
}
