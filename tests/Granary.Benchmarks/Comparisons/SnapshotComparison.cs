using System.Diagnostics;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// Takes snapshots of etcd and Granary with the same keys, in turn, and restores them: each its own, and the copy of a file of that size
/// beside it.
/// </summary>
internal sealed class SnapshotComparison(CompareOptions options, Report report)
{
    private const int ValueBytes = 256;
    private const double Megabyte = 1_000_000;

    // The first ones find a cold runtime and a cold cache.
    private const int WarmUps = 5;

    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(5);

    public async Task Run(CancellationToken cancellationToken)
    {
        var keys = new KeySpace(options.RestartKeys, keyBytes: 16, ValueBytes, seed: 1);
        await using var etcd = await Filled(Product.Etcd, keys, cancellationToken);
        await using var granary = await Filled(Product.Granary, keys, cancellationToken);
        var ofEtcd = new List<Figures>();
        var ofGranary = new List<Figures>();
        for (var round = -WarmUps; round < options.Rounds; round++)
        {
            var (theirs, ours) = (await Take(etcd, cancellationToken), await Take(granary, cancellationToken));
            if (round >= 0)
            {
                ofEtcd.Add(theirs);
                ofGranary.Add(ours);
            }
        }

        var directory = Directory.CreateTempSubdirectory("granary-bench-restore-");
        var restoredByEtcdutl = new List<Restored>();
        var restoredByGranary = new List<Restored>();
        try
        {
            var theirs = await Save(etcd, directory.FullName, cancellationToken);
            var ours = await Save(granary, directory.FullName, cancellationToken);
            for (var round = 0; round < options.Rounds; round++)
            {
                restoredByEtcdutl.Add(await Restore(theirs, file => Tool.Etcdutl(cancellationToken, "snapshot", "restore", file, "--data-dir", file + ".data")));
                restoredByGranary.Add(await Restore(ours, file => Tool.Granary(cancellationToken, "snapshot", "restore", file, "--data-dir", file + ".data")));
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        var table = report.Table($"Snapshot with {keys.Count} keys of {ValueBytes} B");
        Row("size, MB", "F0", Better.Less, f => f.Megabytes);
        Row("time, s", "F2", Better.Less, f => f.Seconds);
        Row("throughput, MB/s", "F0", Better.More, f => f.Megabytes / f.Seconds, isPrincipal: true);
        Row("server CPU, s", "F2", Better.Less, f => f.CpuSeconds);
        Row("memory at its peak beyond that before, MiB", "F0", Better.Less, f => f.ExtraMebibytes);
        table.Row("restore, s", "F2", Better.Less, Median.Of(restoredByEtcdutl, r => r.Seconds), Median.Of(restoredByGranary, r => r.Seconds), isPrincipal: true);
        table.Row("copy of that file, s", "F2", Better.Neither, Median.Of(restoredByEtcdutl, r => r.CopySeconds), Median.Of(restoredByGranary, r => r.CopySeconds));

        void Row(string name, string format, Better better, Func<Figures, double> figure, bool isPrincipal = false) =>
            table.Row(name, format, better, Median.Of(ofEtcd, figure), Median.Of(ofGranary, figure), isPrincipal);
    }

    private static async Task<Server> Filled(Product product, KeySpace keys, CancellationToken cancellationToken)
    {
        var server = await Server.Start(product, cancellationToken);
        await Fill.Run(new Uri(server.Address), keys, cancellationToken);
        return server;
    }

    private static async Task<Figures> Take(Server server, CancellationToken cancellationToken)
    {
        using var connection = new Connection(new Uri(server.Address));
        var before = ProcessSample.Of(server.ProcessId);
        using var taken = new CancellationTokenSource();
        var peak = Peak(server.ProcessId, taken.Token);
        var start = Stopwatch.GetTimestamp();
        long bytes = 0;
        using (var call = connection.Maintenance.Snapshot(new SnapshotRequest(), cancellationToken: cancellationToken))
        {
            await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                bytes += part.Blob.Length;
            }
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await taken.CancelAsync();
        var figures = new Figures(
            bytes / Megabyte, seconds, (ProcessSample.Of(server.ProcessId).Cpu - before.Cpu).TotalSeconds, await peak - before.RssMegabytes);
        await Console.Error.WriteLineAsync($"{server.Product}: {figures}");
        return figures;
    }

    private static async Task<double> Peak(int processId, CancellationToken taken)
    {
        var peak = 0.0;
        using var timer = new PeriodicTimer(SampleInterval);
        try
        {
            while (true)
            {
                peak = Math.Max(peak, ProcessSample.Of(processId).RssMegabytes);
                await timer.WaitForNextTickAsync(taken);
            }
        }
        catch (OperationCanceledException)
        {
            return peak;
        }
    }

    private static async Task<string> Save(Server server, string directory, CancellationToken cancellationToken)
    {
        var file = Path.Combine(directory, $"{server.Product}.db");
        var run = await Tool.Etcdctl(server, cancellationToken, "snapshot", "save", file);
        return run.ExitCode == 0 ? file : throw new InvalidOperationException(run.All);
    }

    private static async Task<Restored> Restore(string file, Func<string, Task<Tool>> restore)
    {
        var start = Stopwatch.GetTimestamp();
        File.Copy(file, file + ".copy");
        var copied = Stopwatch.GetElapsedTime(start);
        File.Delete(file + ".copy");

        start = Stopwatch.GetTimestamp();
        var run = await restore(file);
        var restored = Stopwatch.GetElapsedTime(start);
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException(run.All);
        }

        Directory.Delete(file + ".data", recursive: true);
        var figures = new Restored(restored.TotalSeconds, copied.TotalSeconds);
        await Console.Error.WriteLineAsync($"{Path.GetFileName(file)}: {figures}");
        return figures;
    }

    private sealed record Figures(double Megabytes, double Seconds, double CpuSeconds, double ExtraMebibytes);

    private sealed record Restored(double Seconds, double CopySeconds);
}
