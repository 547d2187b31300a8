using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>The newest pairs, those that are not newer than one revision.</summary>
internal sealed class LatestCursor(IStoreCursor cursor, long revision) : IPairCursor
{
    public ReadOnlySpan<byte> Key => cursor.Key;

    public bool MoveNext()
    {
        while (cursor.MoveNext())
        {
            if (revision == long.MaxValue || PairCodec.ReadModRevision(cursor.Value) <= revision)
            {
                return true;
            }
        }

        return false;
    }

    public KeyValue Read(bool withValue) => PairCodec.Read(cursor.Value, ByteString.CopyFrom(cursor.Key), withValue);

    public void Dispose() => cursor.Dispose();
}
