namespace Granary.Log.Engines.Postgres;

/// <summary>When something was last seen, by a clock that goes on while the machine is suspended. Any thread may note it, and ask.</summary>
internal sealed class LastTime
{
    // The least of all numbers: never, or it does not count any more.
    private long _at = long.MinValue;

    /// <summary>It is seen now.</summary>
    public void Note() => Interlocked.Exchange(ref _at, BootClock.Instance.GetTimestamp());

    /// <summary>That it was seen does not count any more.</summary>
    public void Forget() => Interlocked.Exchange(ref _at, long.MinValue);

    /// <summary>Whether it was seen so short a time ago.</summary>
    public bool IsWithin(TimeSpan time) => Interlocked.Read(ref _at) is not long.MinValue and var at && BootClock.Instance.GetElapsedTime(at) < time;
}
