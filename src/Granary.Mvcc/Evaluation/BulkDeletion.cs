using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Evaluation;

/// <summary>
/// Names all keys of a range, or all that are attached to a lease, which a commit deletes: neither the log nor memory has to hold each of
/// them. Which ones they are is decided by the state before the commit and by what the commit did before.
/// </summary>
/// <param name="Keys">The range; null when it is the keys of a lease.</param>
/// <param name="Lease">The lease, if it is its keys.</param>
/// <param name="Count">How many keys there are. Each takes a sub-revision, in key order.</param>
/// <param name="Within">A range that all of them are in: of a lease, from the first of its keys to the last.</param>
public sealed record BulkDeletion(KeyRange? Keys, long Lease, int Count, KeyRange Within)
{
    public static BulkDeletion OfRange(KeyRange keys, int count) => new(keys, 0, count, keys);

    public static BulkDeletion OfLease(long lease, in AttachedCount attached) => new(null, lease, attached.Count, attached.Within);

    /// <summary>Whether a key that is attached to a lease, or to none (0), is among them.</summary>
    public bool Covers(ReadOnlySpan<byte> key, long lease) => Keys is { } keys ? keys.Contains(key) : lease == Lease;

    /// <inheritdoc cref="Covers(ReadOnlySpan{byte}, long)"/>
    public bool Covers(ByteString key, long lease) => Covers(key.Span, lease);
}
