using System.Buffers.Binary;

namespace Granary.Storage.Bolt;

/// <summary>
/// The header of a page, and the elements of a leaf and of a branch: all little-endian.
/// <code>
/// page     0 its own number, u64   8 flags, u16    10 number of elements, u16   12 pages that follow as part of it, u32
/// leaf     0 flags, u32            4 pos, u32      8 bytes of the key, u32      12 bytes of the value, u32
/// branch   0 pos, u32              4 bytes of the key, u32                      8 page below, u64
/// </code>
/// The elements follow the header; pos is the distance from an element to its key, behind which its value stands.
/// </summary>
internal readonly record struct BoltPage(ulong Number, ushort Flags, ushort Count, uint Overflow)
{
    public const int HeaderBytes = 16;
    public const int ElementBytes = 16;

    public const ushort Branch = 0x01;
    public const ushort Leaf = 0x02;
    public const ushort Meta = 0x04;
    public const ushort Freelist = 0x10;

    /// <summary>Of a leaf's element: the value is a bucket, see <see cref="BoltBucketHeader"/>.</summary>
    public const uint BucketElement = 0x01;

    /// <summary>A freelist with so many pages or more has this count, and the true one as its first entry.</summary>
    public const ushort CountElsewhere = 0xFFFF;

    public static BoltPage Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Number);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[10..], Count);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Overflow);
    }

    public static void WriteLeafElement(Span<byte> element, uint flags, int position, int keyBytes, int valueBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(element, flags);
        BinaryPrimitives.WriteInt32LittleEndian(element[4..], position);
        BinaryPrimitives.WriteInt32LittleEndian(element[8..], keyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(element[12..], valueBytes);
    }

    public static void WriteBranchElement(Span<byte> element, int position, int keyBytes, ulong page)
    {
        BinaryPrimitives.WriteInt32LittleEndian(element, position);
        BinaryPrimitives.WriteInt32LittleEndian(element[4..], keyBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(element[8..], page);
    }
}
