namespace Granary.Grains.Watches;

/// <summary>
/// Keeps compacted history in the store for watchers that are owed it: those that are behind only since a commit was too large to be delivered, or
/// was not delivered. It is kept for as long as they get on.
/// </summary>
public sealed class HistoryHold(TimeProvider time)
{
    // So long nobody may get on, since clients do not read, until history is removed all the same.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private long? _owed;
    private long? _position;
    private long _steps;

    // When somebody got on last, or a compaction began to wait for that; 0 while none waits.
    private long _waitingSince;
    private long _removed = -1;

    /// <summary>Notes how far it is.</summary>
    /// <param name="position">The last revision that was delivered; null when there is no hub.</param>
    /// <param name="owed">The first revision that somebody is owed; null when nobody is owed any.</param>
    /// <param name="steps">Grows whenever somebody has got a part of what is owed.</param>
    public void Note(long? position, long? owed, long steps)
    {
        lock (_gate)
        {
            if (_owed != owed || _position != position || _steps != steps)
            {
                (_position, _owed, _steps) = (position, owed, steps);
                _waitingSince = 0;
            }
        }
    }

    /// <summary>Whether neither events of a revision or a later one have been removed nor the pairs that they superseded.</summary>
    public bool IsKept(long revision)
    {
        lock (_gate)
        {
            return revision > _removed;
        }
    }

    /// <summary>
    /// Whether what a compaction to a revision removes may be removed now; then it counts as removed. What was not delivered yet may turn out to be owed.
    /// </summary>
    public bool TryRemove(long revision)
    {
        lock (_gate)
        {
            if (_position < revision || _owed <= revision)
            {
                _waitingSince = _waitingSince == 0 ? time.GetTimestamp() : _waitingSince;
                if (time.GetElapsedTime(_waitingSince) < Patience)
                {
                    return false;
                }
            }

            _removed = Math.Max(_removed, revision);
            return true;
        }
    }
}
