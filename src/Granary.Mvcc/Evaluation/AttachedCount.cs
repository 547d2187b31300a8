using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Evaluation;

/// <summary>What is attached to a lease, in short.</summary>
/// <param name="Count">How many keys.</param>
/// <param name="First">The first of them; empty when there is none.</param>
/// <param name="Last">The last of them.</param>
public readonly record struct AttachedCount(int Count, ByteString First, ByteString Last)
{
    /// <summary>The range from the first key to the last.</summary>
    public KeyRange Within => new(First, KeyRange.Successor(Last));

    /// <param name="keys">The keys, in their order.</param>
    public static AttachedCount Of(IReadOnlyList<ByteString> keys) =>
        keys.Count == 0 ? new AttachedCount(0, ByteString.Empty, ByteString.Empty) : new AttachedCount(keys.Count, keys[0], keys[^1]);
}
