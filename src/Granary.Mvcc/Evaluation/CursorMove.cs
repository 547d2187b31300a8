namespace Granary.Mvcc.Evaluation;

/// <summary>Where a move has brought a cursor.</summary>
public enum CursorMove
{
    /// <summary>To the next pair.</summary>
    Pair,

    /// <summary>Behind the last pair.</summary>
    End,

    /// <summary>To none yet: all it was to look at has been looked at. The next move goes on from there.</summary>
    Paused,
}
