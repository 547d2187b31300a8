using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Deletions of very many keys at etcd and Granary in turn, each time at a fresh server, beside a client that puts and one that watches.</summary>
internal sealed class LargeDeletionComparison(CompareOptions options, Report report)
{
    private const int Connections = 10;

    public async Task Run(CancellationToken cancellationToken)
    {
        var rounds = await Rounds<Figures>.Run(options.Rounds, "large deletions", product => Measure(product, cancellationToken));
        var table = report.Table("Large deletions");
        WriteRows(table, rounds, f => f.ByLease, f => f.ByRange, isPrincipal: true);
        rounds.Row(table, "CPU used by others, %", "F0", Better.Neither, f => 100 * f.OthersCpuShare);
    }

    public static void WriteRows<T>(
        ComparisonTable table, Rounds<T> rounds, Func<T, LargeDeletion> byLease, Func<T, LargeDeletion> byRange, bool isPrincipal = false)
    {
        rounds.Row(table, $"revoking a lease of {LargeDeletion.Keys} keys, ms", "F0", Better.Less, f => byLease(f).Deleting, isPrincipal);
        rounds.Row(table, "slowest put meanwhile, ms", "F0", Better.Less, f => byLease(f).SlowestPut, isPrincipal);
        rounds.Row(table, $"deleting {LargeDeletion.Keys} keys by one range, ms", "F0", Better.Less, f => byRange(f).Deleting, isPrincipal);
        rounds.Row(table, "slowest put meanwhile, ms", "F0", Better.Less, f => byRange(f).SlowestPut, isPrincipal);
    }

    private static async Task<Figures> Measure(Product product, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var connections = Connection.Open(new Uri(server.Address), Connections);
        try
        {
            // The first one is for the runtimes to be warm.
            await LargeDeletion.ByLease(connections, cancellationToken);
            var others = OthersCpu.Watch(server.ProcessId);
            return new Figures(
                await LargeDeletion.ByLease(connections, cancellationToken), await LargeDeletion.ByRange(connections, cancellationToken), others.Share());
        }
        finally
        {
            Array.ForEach(connections, connection => connection.Dispose());
        }
    }

    private sealed record Figures(LargeDeletion ByLease, LargeDeletion ByRange, double OthersCpuShare);
}
