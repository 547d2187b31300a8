using System.Buffers.Binary;

namespace Granary.Storage.Bolt;

/// <summary>The value of a bucket: its root page and its sequence, u64 each. With root 0 a leaf page follows right in the value.</summary>
internal readonly record struct BoltBucketHeader(ulong Root, ulong Sequence)
{
    public const int Bytes = 16;

    public static BoltBucketHeader Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Root);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], Sequence);
    }
}
