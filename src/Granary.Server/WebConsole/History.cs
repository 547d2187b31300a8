namespace Granary.Server.WebConsole;

/// <summary>The samples of the last hour, in a ring that never grows.</summary>
internal sealed class History
{
    /// <summary>What a sample has, in this order. Durations are in milliseconds, rates per second, sizes in bytes.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "reads", "writes", "events", "readMedian", "read99", "writeMedian", "write99", "commitMedian", "commit99", "flushMedian", "flush99",
        "memory", "databaseSize", "databaseInUse", "term",
    ];

    public const int MaxSamples = 720;

    private readonly Lock _gate = new();
    private readonly long[] _times = new long[MaxSamples];
    private readonly float[] _values = new float[MaxSamples * Names.Count];
    private long _count;

    /// <summary>How often a sample is taken.</summary>
    public static TimeSpan Interval { get; } = TimeSpan.FromHours(1) / MaxSamples;

    /// <summary>Adds a sample, in place of the oldest one if there are <see cref="MaxSamples"/>.</summary>
    /// <param name="time">When it was taken. Where the clock was set back, times go on a millisecond apart until it has caught up.</param>
    /// <param name="values">A value for each of <see cref="Names"/>; NaN where there was nothing to measure.</param>
    public void Add(DateTimeOffset time, ReadOnlySpan<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, Names.Count);
        lock (_gate)
        {
            var last = _count == 0 ? 0 : _times[Place(1)];
            var place = (int)(_count++ % MaxSamples);
            _times[place] = Math.Max(time.ToUnixTimeMilliseconds(), last + 1);
            values.CopyTo(_values.AsSpan(place * Names.Count));
        }
    }

    /// <summary>Copies the samples behind a time, the oldest first: a value for each of <see cref="Names"/>, sample by sample.</summary>
    /// <param name="milliseconds">Since 1970.</param>
    public (long[] Times, float[] Values) After(long milliseconds)
    {
        lock (_gate)
        {
            var kept = (int)Math.Min(_count, MaxSamples);
            var wanted = 0;
            while (wanted < kept && _times[Place(wanted + 1)] > milliseconds)
            {
                wanted++;
            }

            var times = new long[wanted];
            var values = new float[wanted * Names.Count];
            for (var i = 0; i < wanted; i++)
            {
                var place = Place(wanted - i);
                times[i] = _times[place];
                _values.AsSpan(place * Names.Count, Names.Count).CopyTo(values.AsSpan(i * Names.Count));
            }

            return (times, values);
        }
    }

    // Of the last one, of the one before it, and so on.
    private int Place(int fromEnd) => (int)((_count - fromEnd) % MaxSamples);
}
