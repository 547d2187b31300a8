using System.Buffers.Binary;
using Google.Protobuf;

namespace Granary.Storage.Replicas;

/// <summary>One change as the store remembers it: at which revision, which key, and which pair it superseded.</summary>
public readonly record struct StoredEvent(long Revision, int Sub, bool IsDelete, ByteString ChangedKey, long PreviousModRevision)
{
    internal static byte[] Key(long revision, int sub)
    {
        var key = new byte[12];
        BinaryPrimitives.WriteInt64BigEndian(key, revision);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(8), sub);
        return key;
    }

    internal static StoredEvent Read(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var reader = new ByteReader(value);
        var isDelete = reader.Byte() != 0;
        var previous = reader.Varint();
        return new StoredEvent(
            BinaryPrimitives.ReadInt64BigEndian(key),
            BinaryPrimitives.ReadInt32BigEndian(key[8..]),
            isDelete,
            ByteString.CopyFrom(reader.Rest),
            previous);
    }
}
