using Granary.Mvcc.Evaluation;

namespace Granary.Log.Commits;

/// <summary>
/// Knows at which index each lease last came, went, or had keys attached or detached, as far back as it matters: a batch that was
/// evaluated before that on something else must not get a place.
/// </summary>
internal sealed class LeaseFences
{
    private const int MaxEntries = 200_000;

    private readonly Dictionary<long, long> _changed = [];
    private readonly Dictionary<long, long> _touched = [];

    // What happened up to here is forgotten: whoever looked before it must look again.
    private long _forgotten;

    /// <summary>Whether all facts of a batch still hold.</summary>
    /// <param name="facts">What the batch rests on.</param>
    /// <param name="evaluatedAt">The applied index of the state on which it was evaluated.</param>
    public bool Hold(LeaseFacts facts, long evaluatedAt)
    {
        if (facts.IsEmpty)
        {
            return true;
        }

        if (evaluatedAt < _forgotten)
        {
            return false;
        }

        foreach (var lease in facts.Looked)
        {
            if (_changed.GetValueOrDefault(lease) > evaluatedAt)
            {
                return false;
            }
        }

        foreach (var lease in facts.Read)
        {
            if (_touched.GetValueOrDefault(lease) > evaluatedAt)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Notes what a batch that got its place does to leases.</summary>
    public void Note(LeaseFacts facts, IReadOnlyList<LeaseChange> changes, long index)
    {
        foreach (var lease in facts.Touched)
        {
            _touched[lease] = index;
        }

        foreach (var change in changes)
        {
            _changed[change.Id] = index;
        }

        if (_changed.Count + _touched.Count > MaxEntries)
        {
            _changed.Clear();
            _touched.Clear();
            _forgotten = index;
        }
    }
}
