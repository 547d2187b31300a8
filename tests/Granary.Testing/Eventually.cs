using System.Diagnostics;

namespace Granary.Testing;

/// <summary>Waits for a condition, never for a time.</summary>
public static class Eventually
{
    public static async Task Holds(string what, Func<Task<bool>> condition, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > deadline)
            {
                throw new TimeoutException($"Not within {deadline.TotalSeconds} s: {what}.");
            }

            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }
}
