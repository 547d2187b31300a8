using System.Buffers.Binary;
using Granary.Storage.Checksums;

namespace Granary.Log.Engines.Embedded;

/// <summary>
/// The first block of a segment file: whose log it is, and which record comes first.
/// <code>
/// 0  magic          16 log id                 32 first index, u64
/// 8  crc32c, u32    (of the whole block,      40 bytes of the segment, u64
/// 12 version, u32    this field as zero)      48 zeros up to 4096
/// </code>
/// Magic and checksum stay where they are in every later version.
/// </summary>
internal readonly record struct SegmentHeader(Guid LogId, long FirstIndex, long SegmentBytes)
{
    public const int Bytes = 4096;

    private const uint Version = 1;
    private const int CrcOffset = 8;
    private const int VersionOffset = 12;
    private const int LogIdOffset = 16;
    private const int FirstIndexOffset = 32;
    private const int SegmentBytesOffset = 40;

    private static ReadOnlySpan<byte> Magic => "GRANSEG\n"u8;

    public void Write(Span<byte> block)
    {
        block[..Bytes].Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block[VersionOffset..], Version);
        LogId.TryWriteBytes(block[LogIdOffset..]);
        BinaryPrimitives.WriteInt64LittleEndian(block[FirstIndexOffset..], FirstIndex);
        BinaryPrimitives.WriteInt64LittleEndian(block[SegmentBytesOffset..], SegmentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(block[CrcOffset..], Checksum(block));
    }

    /// <returns>What is wrong with the block; null when it is a header that this version can read.</returns>
    public static string? Read(ReadOnlySpan<byte> block, out SegmentHeader header)
    {
        header = new SegmentHeader(
            new Guid(block.Slice(LogIdOffset, 16)),
            BinaryPrimitives.ReadInt64LittleEndian(block[FirstIndexOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(block[SegmentBytesOffset..]));
        if (!block.StartsWith(Magic))
        {
            return "this is not a log segment: its first bytes are not those of one";
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(block[CrcOffset..]) != Checksum(block))
        {
            return "the checksum of the segment's header does not match";
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(block[VersionOffset..]);
        return version == Version ? null : $"the segment has format version {version}, this program reads version {Version}";
    }

    private static uint Checksum(ReadOnlySpan<byte> block)
    {
        var crc = Crc32C.Compute(block[..CrcOffset]);
        crc = Crc32C.Continue(crc, stackalloc byte[sizeof(uint)]);
        return Crc32C.Continue(crc, block[VersionOffset..Bytes]);
    }
}
