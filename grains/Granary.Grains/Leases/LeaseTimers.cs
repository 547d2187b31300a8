namespace Granary.Grains.Leases;

/// <summary>
/// When the leases of one slot run out: one heap for all of them. A renewal only moves the lease's own deadline; its entry in the
/// heap follows when it comes up. Time is monotonic, and stands still while nobody looks at it: a process that was stopped, or its machine,
/// could take no renewal, and does not charge that to its leases.
/// </summary>
/// <remarks>Whoever owns the timers has them <see cref="Look"/> at the clock twice within <see cref="LongestUnseen"/>.</remarks>
internal sealed class LeaseTimers(TimeProvider time)
{
    /// <summary>A longer time in which nobody looked is a pause: leases do not age in it.</summary>
    public static readonly TimeSpan LongestUnseen = TimeSpan.FromSeconds(1);

    private readonly Dictionary<long, Lease> _leases = [];

    // By the deadline that each lease had when it was put here, which is never later than its deadline now.
    private readonly PriorityQueue<Lease, long> _queue = new();

    private long _seen = time.GetTimestamp();

    // The length of all pauses, in ticks of the clock.
    private long _paused;

    public int Count => _leases.Count;

    /// <summary>How long all pauses were together.</summary>
    public TimeSpan Paused => time.GetElapsedTime(0, _paused);

    public IEnumerable<Lease> All => _leases.Values;

    /// <summary>Looks at the clock, as everything else here does too.</summary>
    public void Look() => Now();

    public Lease? Find(long id) => _leases.GetValueOrDefault(id);

    /// <summary>Starts the time of a lease, in full.</summary>
    public void Add(long id, long ttlSeconds)
    {
        var lease = new Lease(id, ttlSeconds) { Deadline = DeadlineOf(ttlSeconds) };
        _leases[id] = lease;
        _queue.Enqueue(lease, lease.Deadline);
    }

    /// <summary>Forgets a lease; false when there is none.</summary>
    public bool Remove(long id)
    {
        if (!_leases.Remove(id, out var lease))
        {
            return false;
        }

        lease.IsGone = true;
        return true;
    }

    /// <summary>Starts the time of a lease anew; false when it has run out already: then it is over for good.</summary>
    public bool TryRenew(Lease lease)
    {
        if (lease.HasExpired || lease.Deadline <= Now())
        {
            return false;
        }

        lease.Deadline = DeadlineOf(lease.TtlSeconds);
        return true;
    }

    public TimeSpan Remaining(Lease lease) => time.GetElapsedTime(Now(), lease.Deadline);

    /// <summary>Takes a lease whose time is over; each is taken once, unless it is given back.</summary>
    public Lease? TakeExpired()
    {
        var now = Now();
        while (_queue.TryPeek(out var lease, out var queuedDeadline))
        {
            if (lease.IsGone)
            {
                _queue.Dequeue();
            }
            else if (queuedDeadline > now)
            {
                return null;
            }
            else if (lease.Deadline > now)
            {
                _queue.DequeueEnqueue(lease, lease.Deadline);
            }
            else
            {
                _queue.Dequeue();
                lease.HasExpired = true;
                return lease;
            }
        }

        return null;
    }

    /// <summary>An expired lease could not be revoked: it is taken again.</summary>
    public void GiveBack(Lease lease) => _queue.Enqueue(lease, lease.Deadline);

    /// <summary>How long until something may expire.</summary>
    public TimeSpan? UntilNext() =>
        _queue.TryPeek(out _, out var deadline) ? time.GetElapsedTime(Now(), deadline) : null;

    private long DeadlineOf(long ttlSeconds)
    {
        var now = Now();
        return ttlSeconds > (long.MaxValue - now) / time.TimestampFrequency ? long.MaxValue : now + (ttlSeconds * time.TimestampFrequency);
    }

    /// <summary>The clock of the leases, which has left out all pauses.</summary>
    private long Now()
    {
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(_seen, now) > LongestUnseen)
        {
            _paused += now - _seen;
        }

        _seen = now;
        return now - _paused;
    }
}
