using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;

namespace Granary.Storage.Replicas;

/// <summary>A bulk deletion in bytes: the kind, the range or the lease, the number of keys.</summary>
internal static class BulkDeletionCodec
{
    private const byte OfRange = 0;
    private const byte OfLease = 1;

    public static void Write(ByteWriter target, BulkDeletion deletion)
    {
        if (deletion.Keys is { } keys)
        {
            target.Byte(OfRange);
            target.LengthAndBytes(keys.Start.Span);
            target.LengthAndBytes(keys.End.Span);
        }
        else
        {
            target.Byte(OfLease);
            target.Varint(deletion.Lease);
        }

        target.Varint(deletion.Count);
    }

    /// <exception cref="InvalidDataException">The bytes are no bulk deletion.</exception>
    public static BulkDeletion Read(ref ByteReader reader) => reader.Byte() switch
    {
        OfRange => new BulkDeletion(
            new KeyRange(ByteString.CopyFrom(reader.LengthAndBytes()), ByteString.CopyFrom(reader.LengthAndBytes())), 0, (int)reader.Varint()),
        OfLease => new BulkDeletion(null, reader.Varint(), (int)reader.Varint()),
        var kind => throw new InvalidDataException($"a bulk deletion is of the unknown kind {kind}"),
    };
}
