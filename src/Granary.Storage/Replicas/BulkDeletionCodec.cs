using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;

namespace Granary.Storage.Replicas;

/// <summary>A bulk deletion in bytes: the kind, the range or the lease and the range that its keys are in, the number of keys.</summary>
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
            target.LengthAndBytes(deletion.Within.Start.Span);
            target.LengthAndBytes(deletion.Within.End.Span);
        }

        target.Varint(deletion.Count);
    }

    /// <exception cref="InvalidDataException">The bytes are no bulk deletion.</exception>
    public static BulkDeletion Read(ref ByteReader reader) => reader.Byte() switch
    {
        OfRange => ReadOfRange(ref reader),
        OfLease => ReadOfLease(ref reader),
        var kind => throw new InvalidDataException($"a bulk deletion is of the unknown kind {kind}"),
    };

    private static BulkDeletion ReadOfRange(ref ByteReader reader)
    {
        var keys = ReadKeys(ref reader);
        return BulkDeletion.OfRange(keys, (int)reader.Varint());
    }

    private static BulkDeletion ReadOfLease(ref ByteReader reader)
    {
        var lease = reader.Varint();
        var within = ReadKeys(ref reader);
        return new BulkDeletion(null, lease, (int)reader.Varint(), within);
    }

    private static KeyRange ReadKeys(ref ByteReader reader) =>
        new(ByteString.CopyFrom(reader.LengthAndBytes()), ByteString.CopyFrom(reader.LengthAndBytes()));
}
