using System.Diagnostics;
using System.Globalization;
using Granary.Benchmarks.Load;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>What a compaction of very much history does to those who put meanwhile, and what it gives back. Granary alone.</summary>
internal sealed class CompactionBesideLoad(long pairs, CompareOptions options, TextWriter output)
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

        Line($"### Compaction of {pairs:N0} superseded pairs beside {PutsPerSecond} puts/s");
        Line($"| | without | during | ratio |");
        Line($"|---|---:|---:|---:|");
        Line($"| put p50, ms | {without.P50:F3} | {with.P50:F3} | {with.P50 / without.P50:F2}× |");
        Line($"| put p99, ms | {without.P99:F3} | {with.P99:F3} | {with.P99 / without.P99:F2}× |");
        Line($"| files of the store before and after, MB | {before / 1e6:F0} | {FileBytes(server) / 1e6:F0} | |");
        Line($"| until all space was back, s | | {took.TotalSeconds:F1} | |");
    }

    private void Line(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static long FileBytes(Server server) =>
        new DirectoryInfo(Path.Combine(server.DataDirectory, "store")).EnumerateFiles("*.sst").Sum(static file => file.Length);
}
