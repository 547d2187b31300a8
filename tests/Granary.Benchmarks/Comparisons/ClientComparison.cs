using System.Diagnostics;
using System.Globalization;
using dotnet_etcd;
using Granary.Client;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Two client libraries in turn, in this process, against one server: what they do in a second, and what they allocate for it.</summary>
internal sealed class ClientComparison(CompareOptions options, TextWriter output)
{
    private const int Callers = 100;
    private const int Keys = 10_000;
    private const int Events = 100_000;
    private const int EventsPerTxn = 100;

    private static readonly byte[] Value = new byte[256];

    /// <summary>Measures, and prints a table.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(Product.Granary, cancellationToken);
        await using var ours = new GranaryClient(server.Address);
        using var other = new EtcdClient(server.Address, configureChannelOptions: static options => options.Credentials = Grpc.Core.ChannelCredentials.Insecure);
        var start = await Write(ours, cancellationToken);
        List<Figures> otherRounds = [];
        List<Figures> ourRounds = [];
        for (var round = 0; round < options.Rounds; round++)
        {
            otherRounds.Add(new Figures(
                await Measure(key => other.PutAsync(Request(key), cancellationToken: cancellationToken), cancellationToken),
                await Measure(key => other.GetAsync(key, cancellationToken: cancellationToken), cancellationToken),
                await Watch(told => other.WatchAsync(
                    new Etcdserverpb.WatchRequest
                    {
                        CreateRequest = new Etcdserverpb.WatchCreateRequest
                        {
                            Key = Google.Protobuf.ByteString.CopyFromUtf8("event/"),
                            RangeEnd = Google.Protobuf.ByteString.CopyFromUtf8("event0"),
                            StartRevision = start,
                        },
                    },
                    (Etcdserverpb.WatchResponse response) => told(response.Events.Count),
                    cancellationToken: cancellationToken))));
            ourRounds.Add(new Figures(
                await Measure(key => ours.PutAsync(key, Value, cancellationToken: cancellationToken), cancellationToken),
                await Measure(key => ours.GetAsync(key, cancellationToken), cancellationToken),
                await Watch(async told =>
                {
                    await foreach (var update in ours.WatchAsync(KeyRange.Prefix("event/"), new WatchOptions { StartRevision = start }, cancellationToken))
                    {
                        if (told(update.Events.Count))
                        {
                            break;
                        }
                    }
                })));
            await Console.Error.WriteLineAsync($"dotnet-etcd {otherRounds[^1]}, Granary.Client {ourRounds[^1]}");
        }

        var table = new ComparisonTable(output, "dotnet-etcd", "Granary.Client");
        Row("puts/s, 100 callers", static figures => figures.Put.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Put.Bytes);
        Row("reads of one key/s, 100 callers", static figures => figures.Get.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Get.Bytes);
        Row("events/s of a watch that catches up", static figures => figures.Watch.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Watch.Bytes);

        void Row(string name, Func<Figures, double> figure) => table.Row(name, "F0", Median.Of(otherRounds, figure), Median.Of(ourRounds, figure));
    }

    private async Task<Rate> Measure(Func<string, Task> call, CancellationToken cancellationToken)
    {
        using var ending = new CancellationTokenSource();
        var done = 0L;
        var calling = Enumerable.Range(0, Callers).Select(caller => Task.Run(
            async () =>
            {
                var random = new Random(caller);
                while (!ending.IsCancellationRequested)
                {
                    await call(Key(random.Next(Keys)));
                    Interlocked.Increment(ref done);
                }
            },
            cancellationToken)).ToArray();
        await Task.Delay(options.Warmup, cancellationToken);
        var (doneBefore, allocatedBefore, start) = (Interlocked.Read(ref done), GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
        await Task.Delay(options.Duration, cancellationToken);
        var count = Interlocked.Read(ref done) - doneBefore;
        var rate = new Rate(count / Stopwatch.GetElapsedTime(start).TotalSeconds, (GC.GetTotalAllocatedBytes() - allocatedBefore) / (double)count);
        await ending.CancelAsync();
        await Task.WhenAll(calling);
        return rate;
    }

    // Counts what it is told; true when that was all.
    private static async Task<Rate> Watch(Func<Func<int, bool>, Task> watch)
    {
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = 0;
        var (allocated, start) = (GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
        var watching = watch(count =>
        {
            seen += count;
            if (seen >= Events)
            {
                all.TrySetResult();
            }

            return seen >= Events;
        });
        await Task.WhenAny(all.Task, watching);
        if (!all.Task.IsCompleted)
        {
            await watching;
            await all.Task;
        }

        return new Rate(Events / Stopwatch.GetElapsedTime(start).TotalSeconds, (GC.GetTotalAllocatedBytes() - allocated) / (double)Events);
    }

    private static async Task<long> Write(GranaryClient client, CancellationToken cancellationToken)
    {
        var first = 0L;
        for (var i = 0; i < Events; i += EventsPerTxn)
        {
            var written = await client.Txn()
                .Then([.. Enumerable.Range(i, EventsPerTxn).Select(static number => Op.Put(string.Create(CultureInfo.InvariantCulture, $"event/{number}"), Value))])
                .CommitAsync(cancellationToken);
            first = first == 0 ? written.Revision : first;
        }

        return first;
    }

    private static Etcdserverpb.PutRequest Request(string key) =>
        new() { Key = Google.Protobuf.ByteString.CopyFromUtf8(key), Value = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(Value) };

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key/{number:D8}");

    private sealed record Rate(double PerSecond, double Bytes);

    private sealed record Figures(Rate Put, Rate Get, Rate Watch);
}
