using System.Diagnostics;
using System.Threading.Channels;
using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;
using HdrHistogram;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Watchers at etcd and Granary in turn, each time at a fresh server: latency, fan-out, and what idle watchers cost.</summary>
internal sealed class WatchComparison(CompareOptions options, Report report)
{
    private const int ValueBytes = 256;
    private const int IdleWatchers = 10_000;
    private const int FanOutWatchers = 1_000;
    private const int FanOutStreams = 100;
    private const int PacedPutsPerSecond = 2_000;

    private static readonly ByteString Value = ByteString.CopyFrom(new byte[ValueBytes]);

    public async Task Run(CancellationToken cancellationToken)
    {
        var rounds = await Rounds<Figures>.Run(options.Rounds, "watch", product => Measure(product, cancellationToken));
        var table = report.Table("Watch");
        rounds.Row(table, "put→event, 1 watcher, p50, ms", "F3", Better.Less, f => f.One.P50);
        rounds.Row(table, "put→event, 1 watcher, p99, ms", "F3", Better.Less, f => f.One.P99, isPrincipal: true);
        rounds.Row(table, "put→event, 100 watchers, p50, ms", "F3", Better.Less, f => f.Hundred.P50);
        rounds.Row(table, "put→event, 100 watchers, p99, ms", "F3", Better.Less, f => f.Hundred.P99);
        rounds.Row(table, $"events/s, {FanOutWatchers} watchers of one key on {FanOutStreams} streams", "F0", Better.More, f => f.EventsPerSecond, isPrincipal: true);
        rounds.Row(table, "server CPU, µs/event", "F2", Better.Less, f => f.CpuPerEvent);
        rounds.Row(table, $"puts/s, 100 clients, no watcher", "F0", Better.More, f => f.Without.RequestsPerSecond);
        rounds.Row(table, $"puts/s, 100 clients, {IdleWatchers} idle watchers", "F0", Better.More, f => f.With.RequestsPerSecond);
        rounds.Row(table, $"{PacedPutsPerSecond} puts/s, no watcher, p50, ms", "F3", Better.Less, f => f.PacedWithout.P50);
        rounds.Row(table, $"{PacedPutsPerSecond} puts/s, {IdleWatchers} idle watchers, p50, ms", "F3", Better.Less, f => f.PacedWith.P50);
        rounds.Row(table, $"{PacedPutsPerSecond} puts/s, no watcher, p99, ms", "F3", Better.Less, f => f.PacedWithout.P99);
        rounds.Row(table, $"{PacedPutsPerSecond} puts/s, {IdleWatchers} idle watchers, p99, ms", "F3", Better.Less, f => f.PacedWith.P99);
        rounds.Row(table, "idle watcher, 1000 to a stream, bytes", "F0", Better.Less, f => f.BytesPerWatcher);
        rounds.Row(table, "idle watcher, a stream each, bytes", "F0", Better.Less, f => f.BytesPerStream, isPrincipal: true);
    }

    private async Task<Figures> Measure(Product product, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var endpoint = new Uri(server.Address);
        using var writer = new Connection(endpoint);

        // Both runtimes are warm before anything is told.
        await Puts(endpoint, options.Warmup, server.ProcessId, cancellationToken);
        await Latency(endpoint, writer, 10, 300, cancellationToken);
        var one = await Latency(endpoint, writer, 1, 2000, cancellationToken);
        var hundred = await Latency(endpoint, writer, 100, 1000, cancellationToken);
        var (eventsPerSecond, cpuPerEvent) = await FanOut(endpoint, server.ProcessId, cancellationToken);

        var without = await Puts(endpoint, options.Duration, server.ProcessId, cancellationToken);
        var pacedWithout = await PacedPuts.Run(endpoint, PacedPutsPerSecond, options.Duration, cancellationToken);
        var before = await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken);
        double bytesPerWatcher;
        LoadResult with;
        Percentiles pacedWith;
        using (var connection = new Connection(endpoint))
        {
            var streams = await Watchers(connection, IdleWatchers / 1000, 1000, i => ByteString.CopyFromUtf8($"idle{i}"), cancellationToken);
            bytesPerWatcher = (await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken) - before) / IdleWatchers;
            with = await Puts(endpoint, options.Duration, server.ProcessId, cancellationToken);
            pacedWith = await PacedPuts.Run(endpoint, PacedPutsPerSecond, options.Duration, cancellationToken);
            streams.ForEach(stream => stream.Dispose());
        }

        before = await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken);
        double bytesPerStream;
        using (var connection = new Connection(endpoint))
        {
            var streams = await Watchers(connection, IdleWatchers, 1, i => ByteString.CopyFromUtf8($"idle{i}"), cancellationToken);
            bytesPerStream = (await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken) - before) / IdleWatchers;
            streams.ForEach(stream => stream.Dispose());
        }

        return new Figures(one, hundred, eventsPerSecond, cpuPerEvent, without, with, pacedWithout, pacedWith, bytesPerWatcher, bytesPerStream);
    }

    private static Task<LoadResult> Puts(Uri endpoint, TimeSpan duration, int processId, CancellationToken cancellationToken) => LoadRun.Run(
        new LoadOptions { Endpoints = [endpoint], Warmup = TimeSpan.FromSeconds(1), Duration = duration, ServerProcessId = processId }, cancellationToken);

    /// <summary>Puts one at a time; from the call of each put until each watcher has its event.</summary>
    private static async Task<Percentiles> Latency(Uri endpoint, Connection writer, int watchers, int puts, CancellationToken cancellationToken)
    {
        using var connection = new Connection(endpoint);
        var key = ByteString.CopyFromUtf8("latency");
        var streams = await Watchers(connection, Math.Min(watchers, 10), Math.Max(1, watchers / 10), _ => key, cancellationToken);
        var arrived = Channel.CreateUnbounded<long>();
        var reading = streams.ConvertAll(stream => Task.Run(async () =>
        {
            while (await stream.ResponseStream.MoveNext(cancellationToken))
            {
                arrived.Writer.TryWrite(Stopwatch.GetTimestamp());
            }
        }, cancellationToken));

        var latencies = new LongHistogram(1, 60_000_000, 3);
        for (var i = 0; i < puts; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var put = writer.Kv.PutAsync(new PutRequest { Key = key, Value = Value }, cancellationToken: cancellationToken).ResponseAsync;
            for (var events = 0; events < watchers; events++)
            {
                latencies.RecordValue(Math.Max(1, (long)Stopwatch.GetElapsedTime(start, await arrived.Reader.ReadAsync(cancellationToken)).TotalMicroseconds));
            }

            await put;
        }

        streams.ForEach(stream => stream.Dispose());
        await Task.WhenAll(reading).ContinueWith(static _ => { }, TaskScheduler.Default);
        return Percentiles.Of(latencies);
    }

    /// <summary>Puts a key that many watch, a few at a time, and counts events until all have come.</summary>
    private static async Task<(double EventsPerSecond, double CpuPerEvent)> FanOut(Uri endpoint, int processId, CancellationToken cancellationToken)
    {
        const int Puts = 1_000;
        const int InFlight = 8;
        var connections = Connection.Open(endpoint, 10);
        var key = ByteString.CopyFromUtf8("fan-out");
        var streams = new List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>>();
        foreach (var connection in connections)
        {
            streams.AddRange(await Watchers(connection, FanOutStreams / 10, FanOutWatchers / FanOutStreams, _ => key, cancellationToken));
        }

        var cpu = ProcessSample.Of(processId).Cpu;
        var start = Stopwatch.GetTimestamp();
        var reading = streams.ConvertAll(stream => Task.Run(async () =>
        {
            for (var left = Puts * (FanOutWatchers / FanOutStreams); left > 0;)
            {
                await stream.ResponseStream.MoveNext(cancellationToken);
                left -= stream.ResponseStream.Current.Events.Count;
            }
        }, cancellationToken));
        await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async i =>
        {
            for (var put = 0; put < Puts / InFlight; put++)
            {
                await connections[i].Kv.PutAsync(new PutRequest { Key = key, Value = Value }, cancellationToken: cancellationToken);
            }
        }));
        await Task.WhenAll(reading);
        var elapsed = Stopwatch.GetElapsedTime(start);
        cpu = ProcessSample.Of(processId).Cpu - cpu;
        streams.ForEach(stream => stream.Dispose());
        Array.ForEach(connections, connection => connection.Dispose());
        const double Events = (double)Puts * FanOutWatchers;
        return (Events / elapsed.TotalSeconds, cpu.TotalMicroseconds / Events);
    }

    private static async Task<List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>>> Watchers(
        Connection connection, int streams, int perStream, Func<int, ByteString> key, CancellationToken cancellationToken)
    {
        var open = new List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>>();
        foreach (var some in Enumerable.Range(0, streams).Chunk(100))
        {
            open.AddRange(await Task.WhenAll(some.Select(async stream =>
            {
                var call = connection.Watch.Watch(cancellationToken: cancellationToken);
                for (var i = 0; i < perStream; i++)
                {
                    var create = new WatchCreateRequest { Key = key((stream * perStream) + i) };
                    await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, cancellationToken);
                    if (!await call.ResponseStream.MoveNext(cancellationToken) || !call.ResponseStream.Current.Created)
                    {
                        throw new InvalidOperationException("A watcher was not created.");
                    }
                }

                return call;
            })));
        }

        return open;
    }

    private sealed record Figures(
        Percentiles One,
        Percentiles Hundred,
        double EventsPerSecond,
        double CpuPerEvent,
        LoadResult Without,
        LoadResult With,
        Percentiles PacedWithout,
        Percentiles PacedWith,
        double BytesPerWatcher,
        double BytesPerStream);
}
