using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// Time since the machine was started, that in which it was suspended included: no clock that somebody sets, and none that stands still
/// while another machine takes over.
/// </summary>
public sealed class BootClock : TimeProvider
{
    private const int BootTime = 7;

    public static readonly BootClock Instance = new();

    private BootClock()
    {
    }

    public override long TimestampFrequency => OperatingSystem.IsLinux() ? 1_000_000_000 : Stopwatch.Frequency;

    public override long GetTimestamp() => OperatingSystem.IsLinux() && Read(BootTime, out var time) == 0
        ? (time.Seconds * 1_000_000_000) + time.Nanoseconds
        : Stopwatch.GetTimestamp();

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int Read(int clock, out Time time);

    private readonly struct Time
    {
        public readonly long Seconds;
        public readonly long Nanoseconds;
    }
}
