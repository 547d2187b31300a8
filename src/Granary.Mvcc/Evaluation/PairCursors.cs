namespace Granary.Mvcc.Evaluation;

/// <summary>Walks of a cursor that do not end between two pairs, but can be left there.</summary>
public static class PairCursors
{
    private const int EntriesPerLook = 1024;

    /// <summary>Goes on to the next pair, however far that is; false behind the last one.</summary>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public static bool MoveNext(this IPairCursor cursor, CancellationToken cancellationToken)
    {
        while (true)
        {
            var budget = EntriesPerLook;
            var move = cursor.MoveNext(ref budget);
            if (move != CursorMove.Paused)
            {
                return move == CursorMove.Pair;
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
