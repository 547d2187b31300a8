using System.Globalization;

namespace Granary.Benchmarks.Load;

/// <summary>CPU time of the whole machine at one moment: what is not ours in it tells how far a figure can be trusted.</summary>
internal readonly record struct MachineSample(TimeSpan Busy, TimeSpan Total)
{
    private const double TicksPerSecond = 100;

    // Of the first line of /proc/stat: user nice system idle iowait irq softirq steal.
    private const int Fields = 8;
    private const int Idle = 3;
    private const int WaitingForDisk = 4;

    public static MachineSample Now()
    {
        var line = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var total = 0.0;
        var idle = 0.0;
        for (var i = 0; i < Fields; i++)
        {
            var ticks = double.Parse(line[i + 1], CultureInfo.InvariantCulture);
            total += ticks;
            idle += i is Idle or WaitingForDisk ? ticks : 0;
        }

        return new MachineSample(TimeSpan.FromSeconds((total - idle) / TicksPerSecond), TimeSpan.FromSeconds(total / TicksPerSecond));
    }

    /// <summary>The part of all CPUs that went neither to idling nor to <paramref name="ours"/> since <paramref name="before"/>.</summary>
    public double ShareOfOthers(MachineSample before, TimeSpan ours) =>
        Math.Max(0, (Busy - before.Busy - ours) / (Total - before.Total));
}
