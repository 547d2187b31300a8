using System.Diagnostics;
using System.Globalization;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>What a compaction of very much history does to those who put meanwhile, and what it gives back. Granary alone.</summary>
internal sealed class CompactionBesideLoad(long pairs, CompareOptions options, Report report)
{
    private const int Keys = 100_000;
    private const int KeyBytes = 16;
    private const int ValueBytes = 256;
    private const int PutsPerSecond = 2_000;

    public async Task Run(CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(Product.Granary, cancellationToken, "--quota-backend-bytes=-1");
        var endpoint = new Uri(server.Address);
        using var connection = new Connection(endpoint);
        var keys = new KeySpace(Keys, KeyBytes, ValueBytes, seed: 1);
        for (var filled = 0L; filled < pairs + Keys; filled += Keys)
        {
            await Fill.Run(endpoint, keys, cancellationToken);
        }

        // Until the store has sorted its files: that is no compaction of etcd's kind.
        await PacedPuts.Run(endpoint, PutsPerSecond, options.Warmup, cancellationToken);
        var without = await PacedPuts.Run(endpoint, PutsPerSecond, options.Duration, cancellationToken);
        var before = FileBytes(server);
        var revision = (await connection.Kv.RangeAsync(new RangeRequest { Key = keys.Key(0) }, cancellationToken: cancellationToken)).Header.Revision;
        var start = Stopwatch.GetTimestamp();
        var compacting = connection.Kv.CompactAsync(new CompactionRequest { Revision = revision, Physical = true }, cancellationToken: cancellationToken).ResponseAsync;
        var with = await PacedPuts.RunWhile(endpoint, PutsPerSecond, _ => !compacting.IsCompleted, cancellationToken);
        await compacting;
        var took = Stopwatch.GetElapsedTime(start);

        var title = string.Create(CultureInfo.InvariantCulture, $"Compaction of {pairs:N0} superseded pairs beside {PutsPerSecond} puts/s");
        var table = report.Table(title, "without", "during");
        table.Row("put p50, ms", "F3", Better.Less, without.P50, with.P50, isPrincipal: true);
        table.Row("put p99, ms", "F3", Better.Less, without.P99, with.P99, isPrincipal: true);
        table.Row("files of the store before and after, MB", "F0", Better.Less, before / 1e6, FileBytes(server) / 1e6);
        report.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nAll space was back after {took.TotalSeconds:F1} s."));
    }

    private static long FileBytes(Server server) =>
        new DirectoryInfo(Path.Combine(server.DataDirectory, "store")).EnumerateFiles("*.sst").Sum(static file => file.Length);
}
