namespace Granary.Client.Connections;

/// <summary>Says which server is asked next: one after the other, but for those that have just failed, which rest.</summary>
internal sealed class Endpoints(IReadOnlyList<Endpoint> all, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(3);

    private readonly Lock _lock = new();

    // Until when each rests, and for how long: twice as long each time, until it answers.
    private readonly long[] _restsUntil = new long[all.Count];
    private readonly TimeSpan[] _rest = new TimeSpan[all.Count];
    private int _last = Random.Shared.Next(all.Count);
    private int _resting;

    public int Count => all.Count;

    /// <summary>When all rest, the one that does so least long from now.</summary>
    /// <param name="rest">For how long.</param>
    public Endpoint Next(out TimeSpan rest)
    {
        rest = TimeSpan.Zero;
        if (Volatile.Read(ref _resting) == 0)
        {
            return all[(int)((uint)Interlocked.Increment(ref _last) % (uint)all.Count)];
        }

        lock (_lock)
        {
            var now = time.GetTimestamp();
            var best = -1;
            for (var i = 1; i <= all.Count; i++)
            {
                var place = (int)((uint)(_last + i) % (uint)all.Count);
                if (_restsUntil[place] <= now)
                {
                    best = place;
                    break;
                }

                best = best < 0 || _restsUntil[place] < _restsUntil[best] ? place : best;
            }

            _last = best;
            rest = _restsUntil[best] > now ? time.GetElapsedTime(now, _restsUntil[best]) : TimeSpan.Zero;
            return all[best];
        }
    }

    /// <summary>It has not answered.</summary>
    public void Failed(Endpoint endpoint)
    {
        lock (_lock)
        {
            var place = Place(endpoint);
            if (_rest[place] == TimeSpan.Zero)
            {
                _resting++;
            }
            else if (_restsUntil[place] > time.GetTimestamp())
            {
                // Calls that were under way together fail together: that is one failure.
                return;
            }

            _rest[place] = _rest[place] == TimeSpan.Zero ? ShortestRest : TimeSpan.FromTicks(Math.Min(_rest[place].Ticks * 2, LongestRest.Ticks));
            _restsUntil[place] = time.GetTimestamp() + (long)(_rest[place].TotalSeconds * time.TimestampFrequency);
        }
    }

    /// <summary>It has answered.</summary>
    public void Answered(Endpoint endpoint)
    {
        if (Volatile.Read(ref _resting) == 0)
        {
            return;
        }

        lock (_lock)
        {
            var place = Place(endpoint);
            if (_rest[place] != TimeSpan.Zero)
            {
                _resting--;
                (_rest[place], _restsUntil[place]) = (TimeSpan.Zero, 0);
            }
        }
    }

    public void Dispose()
    {
        foreach (var endpoint in all)
        {
            endpoint.Dispose();
        }
    }

    private int Place(Endpoint endpoint)
    {
        var place = 0;
        while (all[place] != endpoint)
        {
            place++;
        }

        return place;
    }
}
