using System.Collections.Concurrent;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// The latches of this term: each is open until its holder commits or gives up, or until its deadline, after which
/// the ranges go on and the log keeps the late commit out. Exactly one of the two happens.
/// </summary>
internal sealed class LatchTable(TimeProvider time)
{
    private readonly ConcurrentDictionary<Guid, Latch> _latches = new();

    public int Count => _latches.Count;

    public Guid Open(TimeSpan lifetime)
    {
        var id = Guid.NewGuid();
        _latches[id] = new Latch(time.GetTimestamp() + (long)(lifetime.TotalSeconds * time.TimestampFrequency));
        return id;
    }

    /// <summary>Asked by the log: whether the holder may commit. Afterwards the latch can't expire any more.</summary>
    public bool TryCommit(Guid id) => _latches.TryGetValue(id, out var latch) && latch.TryLeave(Latch.Committed);

    /// <summary>Asked by a range that waits: whether it may go on without the holder.</summary>
    public bool TryExpire(Guid id) =>
        !_latches.TryGetValue(id, out var latch) || (time.GetTimestamp() >= latch.Deadline && latch.TryLeave(Latch.Expired));

    public void Close(Guid id) => _latches.TryRemove(id, out _);

    private sealed class Latch(long deadline)
    {
        public const int Committed = 1;
        public const int Expired = 2;

        private int _state;

        public long Deadline => deadline;

        public bool TryLeave(int state) =>
            Interlocked.CompareExchange(ref _state, state, 0) == 0 || Volatile.Read(ref _state) == Expired && state == Expired;
    }
}
