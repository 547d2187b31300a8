using System.Buffers.Binary;

namespace Granary.Storage.Bolt;

/// <summary>
/// One of the two pages that say where everything is; the one with the higher transaction holds, if its checksum does. Behind the page header:
/// <code>
/// 0 magic, u32    8  bytes of a page, u32   16 root bucket, two u64    40 high-water mark, u64   56 FNV-1a of bytes 0 to 56, u64
/// 4 version, u32  12 flags, u32             32 page of the freelist    48 transaction, u64
/// </code>
/// The high-water mark is the number of the first page that is not there.
/// </summary>
internal readonly record struct BoltMeta(uint PageBytes, BoltBucketHeader Root, ulong Freelist, ulong HighWater, ulong Transaction)
{
    public const int Bytes = 64;

    /// <summary>The freelist is not stored: whoever opens the file to write finds out which pages are free.</summary>
    public const ulong NoFreelist = ulong.MaxValue;

    private const uint Magic = 0xED0CDAED;
    private const uint Version = 2;
    private const int ChecksumOffset = 56;

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], PageBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], 0);
        Root.Write(bytes[16..]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], Freelist);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[40..], HighWater);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[48..], Transaction);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[ChecksumOffset..], Checksum(bytes[..ChecksumOffset]));
    }

    /// <returns>What is wrong with it; null when it holds.</returns>
    public static string? Read(ReadOnlySpan<byte> bytes, out BoltMeta meta)
    {
        meta = new BoltMeta(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BoltBucketHeader.Read(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[48..]));
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return "this is no bbolt database: the magic number of its meta page is missing";
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        return version != Version ? $"the meta page has format version {version}, this program reads version {Version}"
            : BinaryPrimitives.ReadUInt64LittleEndian(bytes[ChecksumOffset..]) != Checksum(bytes[..ChecksumOffset])
                ? "the checksum of the meta page does not match"
            : null;
    }

    private static ulong Checksum(ReadOnlySpan<byte> bytes)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var value in bytes)
        {
            hash = (hash ^ value) * 0x100000001b3;
        }

        return hash;
    }
}
