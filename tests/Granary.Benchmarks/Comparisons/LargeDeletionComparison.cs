using Granary.Benchmarks.Load;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Deletions of very many keys at etcd and Granary in turn, each time at a fresh server, beside a client that puts and one that watches.</summary>
internal sealed class LargeDeletionComparison(CompareOptions options, TextWriter output)
{
    private const int Connections = 10;

    public async Task Run(CancellationToken cancellationToken)
    {
        var rounds = await Rounds<Figures>.Run(options.Rounds, "large deletions", product => Measure(product, cancellationToken));
        output.WriteLine("### Large deletions");
        var table = new ComparisonTable(output);
        WriteRows(table, rounds, f => f.ByLease, f => f.ByRange);
        rounds.Row(table, "CPU used by others, %", "F0", f => 100 * f.OthersCpuShare);
        output.WriteLine();
    }

    public static void WriteRows<T>(ComparisonTable table, Rounds<T> rounds, Func<T, LargeDeletion> byLease, Func<T, LargeDeletion> byRange)
    {
        rounds.Row(table, $"revoking a lease of {LargeDeletion.Keys} keys, ms", "F0", f => byLease(f).Deleting);
        rounds.Row(table, "slowest put meanwhile, ms", "F0", f => byLease(f).SlowestPut);
        rounds.Row(table, $"deleting {LargeDeletion.Keys} keys by one range, ms", "F0", f => byRange(f).Deleting);
        rounds.Row(table, "slowest put meanwhile, ms", "F0", f => byRange(f).SlowestPut);
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
