using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>Walks pairs in key order. Moving is cheap; only <see cref="Read"/> copies.</summary>
public interface IPairCursor : IDisposable
{
    bool MoveNext();

    /// <summary>The pair under the cursor, without its value if that is not wanted. Not to be changed by the caller.</summary>
    KeyValue Read(bool withValue);
}
