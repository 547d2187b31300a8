using System.Runtime;
using Granary.Grains.KeyRanges;

namespace Granary.Server.Hosting;

/// <summary>
/// Gives memory back to the system after a burst of large answers or events. The runtime by itself collects only when something is
/// allocated, so what a burst has left would stay for as long as the server is quiet.
/// </summary>
internal sealed class MemoryReturn(AnswerBudget answers, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Less than this is kept for the next burst.
    private const long WorthwhileBytes = 64L << 20;

    // Allocated in one interval: a server that does no more has little to do, and a collection that stops it for a moment disturbs nobody.
    private const long QuietBytes = 64L << 20;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var allocated = GC.GetTotalAllocatedBytes();
        var kept = WorthwhileBytes;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var before = allocated;
            allocated = GC.GetTotalAllocatedBytes();
            if (allocated - before <= QuietBytes && answers.Bytes == 0 && GC.GetGCMemoryInfo().TotalCommittedBytes >= kept + WorthwhileBytes)
            {
                // Gives back what it can, and not only part of it.
                GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                kept = GC.GetGCMemoryInfo().TotalCommittedBytes;
            }
        }
    }
}
