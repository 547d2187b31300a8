using System.Numerics;

namespace Granary.Server.Metrics;

/// <summary>
/// Counts durations by their length: each power of two of microseconds has eight classes. Written by every call, read when somebody asks.
/// </summary>
internal sealed class DurationCounts
{
    private const int StepBits = 3;
    private const int Steps = 1 << StepBits;

    // The last one has all that take more than 16 minutes.
    public const int Classes = 28 * Steps;

    private readonly long[] _counts = new long[Classes];

    public void Add(TimeSpan duration) => Interlocked.Increment(ref _counts[ClassOf((ulong)Math.Max(0, duration.Ticks / TimeSpan.TicksPerMicrosecond))]);

    /// <summary>How many there were of one class since the start.</summary>
    public long Of(int index) => Interlocked.Read(ref _counts[index]);

    /// <summary>The shortest duration of a class, in microseconds.</summary>
    public static double StartOf(int index) => index < Steps ? index : (double)(Steps + index % Steps) * (1L << (index / Steps - 1));

    private static int ClassOf(ulong microseconds)
    {
        if (microseconds < Steps)
        {
            return (int)microseconds;
        }

        var shift = BitOperations.Log2(microseconds) - StepBits;
        return Math.Min(Classes - 1, shift * Steps + (int)(microseconds >> shift));
    }
}
