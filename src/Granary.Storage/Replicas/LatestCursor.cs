using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>The newest pairs, those that are not newer than one revision and not deleted at it.</summary>
internal sealed class LatestCursor(IStoreCursor cursor, long revision, IReadOnlyList<DeferredDeletion> deferred) : IPairCursor
{
    public ReadOnlySpan<byte> Key => cursor.Key;

    public bool MoveNext()
    {
        while (cursor.MoveNext())
        {
            if (revision == long.MaxValue && deferred.Count == 0)
            {
                return true;
            }

            var modRevision = PairCodec.ReadModRevision(cursor.Value);
            if (modRevision <= revision && !IsHidden(deferred, cursor.Key, modRevision, revision))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a pair that the store shows as the newest of its key was deleted at a revision, or before it.</summary>
    public static bool IsHidden(IReadOnlyList<DeferredDeletion> deferred, ReadOnlySpan<byte> key, long modRevision, long revision)
    {
        for (var i = 0; i < deferred.Count; i++)
        {
            if (deferred[i].Revision <= revision && deferred[i].Hides(key, modRevision))
            {
                return true;
            }
        }

        return false;
    }

    public KeyValue Read(bool withValue) => PairCodec.Read(cursor.Value, ByteString.CopyFrom(cursor.Key), withValue);

    public void Dispose() => cursor.Dispose();
}
