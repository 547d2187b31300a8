using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>Walks pairs in key order. Moving is cheap; only <see cref="Read"/> copies.</summary>
public interface IPairCursor : IDisposable
{
    /// <summary>
    /// Goes on to the next pair. What is stored there but is no pair of the state takes time as well: <paramref name="budget"/> is how many
    /// entries may be looked at, whatever they are, and is lowered by those that were.
    /// </summary>
    CursorMove MoveNext(ref int budget);

    /// <summary>The key of the pair under the cursor, until the next move.</summary>
    ReadOnlySpan<byte> Key { get; }

    /// <summary>The lease of the pair under the cursor; 0 if it has none.</summary>
    long Lease { get; }

    /// <summary>The pair under the cursor, without its value if that is not wanted. Not to be changed by the caller.</summary>
    KeyValue Read(bool withValue);
}
