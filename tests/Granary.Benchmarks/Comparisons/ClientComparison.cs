using System.Diagnostics;
using System.Globalization;
using dotnet_etcd;
using Granary.Client;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Two client libraries in turn, in this process, against one server: what they do in a second, and what they allocate for it.</summary>
internal sealed class ClientComparison(CompareOptions options, TextWriter output) : IDisposable
{
    private const int Callers = 100;
    private const int Keys = 10_000;
    private const int Watches = 20;
    private const int Txns = 200;
    private const int EventsPerTxn = 100;

    private static readonly byte[] Value = new byte[256];

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Measures, and prints a table.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(Product.Granary, cancellationToken);
        await using var ours = new GranaryClient(server.Address);
        List<Figures> otherRounds = [];
        List<Figures> ourRounds = [];
        for (var round = 0; round < options.Rounds; round++)
        {
            // After a watch that was given up, another one of the same client waits for ever.
            using var other = new EtcdClient(server.Address, configureChannelOptions: static options => options.Credentials = Grpc.Core.ChannelCredentials.Insecure);
            otherRounds.Add(new Figures(
                await Measure(key => other.PutAsync(Request(key), cancellationToken: cancellationToken), cancellationToken),
                await Measure(key => other.GetAsync(key, cancellationToken: cancellationToken), cancellationToken),
                await Watch(ours, (start, told, ending) => Watch(other, start, told, ending), cancellationToken)));
            ourRounds.Add(new Figures(
                await Measure(key => ours.PutAsync(key, Value, cancellationToken: cancellationToken), cancellationToken),
                await Measure(key => ours.GetAsync(key, cancellationToken), cancellationToken),
                await Watch(ours, async (start, told, ending) =>
                {
                    await foreach (var update in ours.WatchAsync(KeyRange.Prefix("event/"), new WatchOptions { StartRevision = start }, ending))
                    {
                        if (told(update.Events.Count))
                        {
                            break;
                        }
                    }
                }, cancellationToken)));
            await Console.Error.WriteLineAsync($"dotnet-etcd {otherRounds[^1]}, Granary.Client {ourRounds[^1]}");
        }

        var table = new ComparisonTable(output, "dotnet-etcd", "Granary.Client");
        Row("puts/s, 100 callers", static figures => figures.Put.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Put.Bytes);
        Row("reads of one key/s, 100 callers", static figures => figures.Get.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Get.Bytes);
        Row("events/s of 20 watches of the same", static figures => figures.Watch.PerSecond);
        Row("— bytes allocated for one", static figures => figures.Watch.Bytes);

        void Row(string name, Func<Figures, double> figure) => table.Row(name, "F0", Median.Of(otherRounds, figure), Median.Of(ourRounds, figure));
    }

    public void Dispose() => _turn.Dispose();

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

    // One after the other: its watches share a stream, on which two that begin at once get in each other's way.
    private async Task Watch(EtcdClient client, long start, Func<int, bool> told, CancellationToken ending)
    {
        var request = new Etcdserverpb.WatchRequest
        {
            CreateRequest = new Etcdserverpb.WatchCreateRequest
            {
                Key = Google.Protobuf.ByteString.CopyFromUtf8("event/"),
                RangeEnd = Google.Protobuf.ByteString.CopyFromUtf8("event0"),
                StartRevision = start,
            },
        };
        await _turn.WaitAsync(ending);
        try
        {
            await client.WatchAsync(request, (Etcdserverpb.WatchResponse response) => told(response.Events.Count), cancellationToken: ending);
        }
        finally
        {
            _turn.Release();
        }
    }

    // Many watches are told the same, as it is written. Each counts what it is told; true when that was all.
    private static async Task<Rate> Watch(GranaryClient writer, Func<long, Func<int, bool>, CancellationToken, Task> watch, CancellationToken cancellationToken)
    {
        var start = (await writer.PutAsync("start", Value, cancellationToken: cancellationToken)).Revision + 1;
        var all = Enumerable.Range(0, Watches).Select(static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var (allocated, began) = (GC.GetTotalAllocatedBytes(), Stopwatch.GetTimestamp());
        var watching = Array.ConvertAll(all, one => watch(start, Counting(one), ending.Token));
        for (var i = 0; i < Txns; i++)
        {
            await writer.Txn().Then([.. Enumerable.Range(0, EventsPerTxn).Select(static number => Op.Put(EventKey(number), Value))]).CommitAsync(cancellationToken);
        }

        await Task.WhenAll(all.Select((one, i) => Task.WhenAny(one.Task, Failure(watching[i])).Unwrap()));
        const double Told = (double)Watches * Txns * EventsPerTxn;
        var rate = new Rate(Told / Stopwatch.GetElapsedTime(began).TotalSeconds, (GC.GetTotalAllocatedBytes() - allocated) / Told);
        await ending.CancelAsync();
        return rate;

        static Func<int, bool> Counting(TaskCompletionSource all)
        {
            var seen = 0;
            return count =>
            {
                seen += count;
                return seen >= Txns * EventsPerTxn && (all.TrySetResult() || true);
            };
        }

        // A watch that only ends when it is given up may end well before it is told anything.
        static async Task Failure(Task watch)
        {
            await watch;
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
        }
    }

    private static Etcdserverpb.PutRequest Request(string key) =>
        new() { Key = Google.Protobuf.ByteString.CopyFromUtf8(key), Value = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(Value) };

    private static string EventKey(int number) => string.Create(CultureInfo.InvariantCulture, $"event/{number}");

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key/{number:D8}");

    private sealed record Rate(double PerSecond, double Bytes);

    private sealed record Figures(Rate Put, Rate Get, Rate Watch);
}
