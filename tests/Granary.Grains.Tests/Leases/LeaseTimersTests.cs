using CsCheck;
using Granary.Grains.Leases;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Grains.Tests.Leases;

/// <summary>The times of leases on a clock that only the test moves.</summary>
public sealed class LeaseTimersTests
{
    [Fact]
    public void Each_lease_expires_once_not_before_its_time_since_the_last_renewal_without_pauses_and_as_soon_as_it_is_over() =>
        Gen.Select(Gen.Int[0, 4], Gen.Long[1, 8], Gen.Int[1, 12]).Array[1, 80].Sample(actions =>
        {
            var time = new FakeTimeProvider();
            var timers = new LeaseTimers(time);
            var deadlines = new Dictionary<long, DateTimeOffset>();
            var expired = new HashSet<long>();
            var paused = TimeSpan.Zero;
            foreach (var (action, id, seconds) in actions)
            {
                switch (action)
                {
                    case 0 when !deadlines.ContainsKey(id) && !expired.Contains(id):
                        timers.Add(id, seconds);
                        deadlines[id] = time.GetUtcNow().AddSeconds(seconds);
                        break;
                    case 1 when timers.Find(id) is { } lease:
                        var isOver = expired.Contains(id) || deadlines[id] <= time.GetUtcNow();
                        Assert.Equal(!isOver, timers.TryRenew(lease));
                        if (!isOver)
                        {
                            deadlines[id] = time.GetUtcNow().AddSeconds(lease.TtlSeconds);
                        }

                        break;
                    case 2:
                        timers.Remove(id);
                        deadlines.Remove(id);
                        expired.Remove(id);
                        break;
                    case 3:
                        // Nobody looks: the leases do not age.
                        var pause = LeaseTimers.LongestUnseen + TimeSpan.FromMilliseconds(seconds * seconds * 100);
                        time.Advance(pause);
                        deadlines = deadlines.ToDictionary(entry => entry.Key, entry => entry.Value + pause);
                        paused += pause;
                        timers.Look();
                        Assert.Equal(paused, timers.Paused);
                        break;
                    default:
                        for (var half = 0; half < seconds; half++)
                        {
                            time.Advance(LeaseTimers.LongestUnseen / 2);
                            timers.Look();
                        }

                        var due = deadlines.Where(entry => entry.Value <= time.GetUtcNow()).Select(entry => entry.Key).Order().ToList();
                        var taken = new List<long>();
                        while (timers.TakeExpired() is { } over)
                        {
                            taken.Add(over.Id);
                        }

                        Assert.Equal(due, taken.Order());
                        due.ForEach(over =>
                        {
                            deadlines.Remove(over);
                            expired.Add(over);
                        });
                        break;
                }

                // Until the next one there is no need to look.
                if (deadlines.Count > 0)
                {
                    Assert.True(timers.UntilNext() is { } until && time.GetUtcNow() + until <= deadlines.Values.Min());
                }
            }
        }, iter: 3000);

    [Fact]
    public void A_lease_of_the_longest_time_there_is_does_not_wrap_around()
    {
        var time = new FakeTimeProvider();
        var timers = new LeaseTimers(time);
        timers.Add(1, 9_000_000_000);
        time.Advance(LeaseTimers.LongestUnseen);
        Assert.Null(timers.TakeExpired());
        Assert.True(timers.Remaining(timers.Find(1)!) > TimeSpan.FromDays(80_000));
    }
}
