using System.Diagnostics;
using System.Globalization;
using Granary.Client;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Calls and watches of one client of this process: how many in a second, and what is allocated in the process for one.</summary>
internal sealed class ClientLoad(CompareOptions options)
{
    private const int Keys = 10_000;
    private const int Watches = 20;
    private const int Txns = 200;
    private const int EventsPerTxn = 100;

    public static readonly byte[] Value = new byte[256];

    /// <summary>So many callers, each with one call after the other, on keys of its own.</summary>
    public async Task<Rate> Measure(int callers, Func<string, Task> call, CancellationToken cancellationToken)
    {
        using var ending = new CancellationTokenSource();
        var done = 0L;
        var calling = Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                var random = new Random(caller);
                while (!ending.IsCancellationRequested)
                {
                    await call(Key((random.Next(Keys / callers) * callers) + caller));
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

    /// <summary>Many watches are told the same, as it is written. Each counts what it is told; true when that was all.</summary>
    public static async Task<Rate> Watch(IGranaryClient writer, Func<long, Func<int, bool>, CancellationToken, Task> watch, CancellationToken cancellationToken)
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

    /// <summary>A watch of a Granary client, of what <see cref="Watch"/> writes.</summary>
    public static async Task Told(IGranaryClient client, long start, Func<int, bool> told, CancellationToken ending)
    {
        await foreach (var update in client.WatchAsync(KeyRange.Prefix("event/"), new WatchOptions { StartRevision = start }, ending))
        {
            if (told(update.Events.Count))
            {
                break;
            }
        }
    }

    private static string EventKey(int number) => string.Create(CultureInfo.InvariantCulture, $"event/{number}");

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key/{number:D8}");

    /// <param name="PerSecond">How many.</param>
    /// <param name="Bytes">Allocated for one.</param>
    internal sealed record Rate(double PerSecond, double Bytes);
}
