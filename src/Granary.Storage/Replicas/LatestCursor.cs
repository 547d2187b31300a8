using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>The newest pairs, those that are not newer than one revision and not deleted at it.</summary>
internal sealed class LatestCursor(IStoreCursor cursor, long revision, IReadOnlyList<DeferredDeletion> deferred) : IPairCursor
{
    public ReadOnlySpan<byte> Key => cursor.Key;

    public CursorMove MoveNext(ref int budget)
    {
        while (budget-- > 0)
        {
            var move = cursor.TryMoveNext();
            if (move != CursorMove.Pair)
            {
                return move;
            }

            if (revision == long.MaxValue && deferred.Count == 0)
            {
                return CursorMove.Pair;
            }

            var (modRevision, lease) = PairCodec.ReadModRevisionAndLease(cursor.Value);
            if (modRevision <= revision && !DeferredDeletion.Hide(deferred, cursor.Key, modRevision, lease, revision))
            {
                return CursorMove.Pair;
            }
        }

        return CursorMove.Paused;
    }

    public long Lease => PairCodec.ReadModRevisionAndLease(cursor.Value).Lease;

    public KeyValue Read(bool withValue) => PairCodec.Read(cursor.Value, ByteString.CopyFrom(cursor.Key), withValue);

    public void Dispose() => cursor.Dispose();
}
