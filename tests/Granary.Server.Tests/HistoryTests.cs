using Granary.Server.Metrics;
using Granary.Server.WebConsole;

namespace Granary.Server.Tests;

/// <summary>The last hour that the console shows.</summary>
public sealed class HistoryTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void An_hour_takes_less_than_2_MiB_and_never_more()
    {
        var values = new float[History.Names.Count];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var history = new History();
        for (var i = 0; i < 10 * History.MaxSamples; i++)
        {
            history.Add(Start + i * History.Interval, values);
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Current.TestOutputHelper!.WriteLine($"{bytes} bytes");
        Assert.InRange(bytes, History.MaxSamples * History.Names.Count * sizeof(float), 2 << 20);
        GC.KeepAlive(history);
    }

    [Fact]
    public void The_newest_samples_are_kept_and_told_in_order()
    {
        var history = new History();
        Assert.Empty(history.After(0).Times);
        for (var i = 0; i < History.MaxSamples + 3; i++)
        {
            history.Add(Start + i * History.Interval, [.. Enumerable.Range(0, History.Names.Count).Select(at => 100f * i + at)]);
        }

        var (times, values) = history.After(0);
        Assert.Equal(History.MaxSamples, times.Length);
        Assert.Equal(Enumerable.Range(3, History.MaxSamples).Select(i => (Start + i * History.Interval).ToUnixTimeMilliseconds()), times);
        Assert.Equal((300f, 301f), (values[0], values[1]));
        Assert.Equal(100f * (History.MaxSamples + 2) + History.Names.Count - 1, values[^1]);

        var last = history.After(times[^3]);
        Assert.Equal(times[^2..], last.Times);
        Assert.Equal(values[^(2 * History.Names.Count)..], last.Values);
        Assert.Empty(history.After(times[^1]).Times);
    }

    [Fact]
    public void A_clock_that_is_set_back_hides_no_sample()
    {
        var history = new History();
        var values = new float[History.Names.Count];
        history.Add(Start, values);
        history.Add(Start - TimeSpan.FromHours(1), values);
        var known = Start.ToUnixTimeMilliseconds();
        Assert.Equal([known + 1], history.After(known).Times);
    }

    [Theory]
    [InlineData(0.004, 0.008)]
    [InlineData(0.5, 1)]
    [InlineData(40, 79)]
    [InlineData(30_000, 60_000)]
    public void Percentiles_are_right_to_a_tenth(double medianMilliseconds, double mostMilliseconds)
    {
        var counts = new DurationCounts();
        var window = new DurationWindow(counts);
        Assert.Equal((float.NaN, float.NaN), window.Next());
        for (var i = 1; i <= 1000; i++)
        {
            counts.Add(TimeSpan.FromMilliseconds(mostMilliseconds * i / 1000));
        }

        var (median, percentile99) = window.Next();
        Assert.InRange(median, medianMilliseconds * 0.8, medianMilliseconds * 1.13);
        Assert.InRange(percentile99, mostMilliseconds * 0.9, mostMilliseconds * 1.13);
        Assert.Equal((float.NaN, float.NaN), window.Next());
    }

    [Fact]
    public void What_takes_no_time_and_what_takes_days_is_counted_too()
    {
        var counts = new DurationCounts();
        var window = new DurationWindow(counts);
        counts.Add(TimeSpan.FromSeconds(-1));
        counts.Add(TimeSpan.Zero);
        Assert.InRange(window.Next().Percentile99, 0, 0.001);
        counts.Add(TimeSpan.FromDays(30));
        Assert.InRange(window.Next().Median, TimeSpan.FromMinutes(10).TotalMilliseconds, double.MaxValue);
    }
}
