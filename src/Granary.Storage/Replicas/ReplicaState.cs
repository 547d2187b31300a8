using Granary.Mvcc.Keys;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>What a replica is as a whole, after one applied index. Stored beside the data in the same batch.</summary>
/// <param name="AppliedIndex">Index of the last record that made this state.</param>
/// <param name="Term">Term of the leader that wrote it.</param>
/// <param name="Revision">Revision of the last commit; 1 when there was none.</param>
/// <param name="CompactedRevision">Reads below it are refused; -1 before the first compaction.</param>
/// <param name="ClusterId">Identity of the cluster, 0 until founded.</param>
/// <param name="MemberId">Identity of this member, 0 until founded.</param>
/// <param name="Ranges">The range map, null until founded.</param>
public sealed record ReplicaState(
    long AppliedIndex,
    long Term,
    long Revision,
    long CompactedRevision,
    ulong ClusterId,
    ulong MemberId,
    RangeMap? Ranges)
{
    private const byte Format = 1;

    public static readonly ReplicaState Initial = new(0, 0, 1, -1, 0, 0, null);

    /// <summary>Commits that are visible, but that the store has not done with; by revision.</summary>
    internal IReadOnlyList<DeferredDeletion> Deferred { get; init; } = [];

    private static ReadOnlySpan<byte> StateKey => "state"u8;

    private static ReadOnlySpan<byte> RangesKey => "ranges"u8;

    internal static ReplicaState Load(IStoreSnapshot snapshot)
    {
        var ranges = snapshot.Read(Family.Meta, RangesKey, 0, static (value, _) =>
        {
            var reader = new ByteReader(value);
            return RangeMapCodec.Read(ref reader);
        });
        return snapshot.Read(Family.Meta, StateKey, ranges, static (value, ranges) =>
        {
            var reader = new ByteReader(value);
            var format = reader.Byte();
            if (format != Format)
            {
                throw new InvalidDataException($"the store has format {format}; this program reads format {Format}");
            }

            return new ReplicaState(
                reader.Varint(), reader.Varint(), reader.Varint(), reader.Varint(), (ulong)reader.Varint(), (ulong)reader.Varint(), ranges);
        }) is { } state
            ? state with { Deferred = DeferredDeletion.Load(snapshot) }
            : Initial;
    }

    internal void Store(IStoreBatch batch, ByteWriter scratch, bool withRanges)
    {
        scratch.Clear();
        scratch.Byte(Format);
        scratch.Varint(AppliedIndex);
        scratch.Varint(Term);
        scratch.Varint(Revision);
        scratch.Varint(CompactedRevision);
        scratch.Varint((long)ClusterId);
        scratch.Varint((long)MemberId);
        batch.Put(Family.Meta, StateKey, scratch.Written);
        if (withRanges && Ranges is not null)
        {
            scratch.Clear();
            RangeMapCodec.Write(scratch, Ranges);
            batch.Put(Family.Meta, RangesKey, scratch.Written);
        }
    }
}
