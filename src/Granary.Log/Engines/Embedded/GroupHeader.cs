using System.Buffers.Binary;
using Granary.Storage.Checksums;

namespace Granary.Log.Engines.Embedded;

/// <summary>
/// Stands before a group, the records that one flush makes durable: the unit that is either whole or not there.
/// <code>
/// 0 crc32c of the header, u32     8  index of the first record, u64     20 number of records, u32
/// 4 crc32c of the body, u32       16 bytes of the body, u32             24 the body: per record u32 length and payload
/// </code>
/// A group begins at a multiple of 8. Zero records: the mark of an orderly end.
/// <para>
/// Why groups, not single records, carry the checksums: a power cut may leave any subset of the sectors of one write. With a
/// checksum per record, an intact record behind a torn one would look like damage in the middle, though nothing acknowledged was lost.
/// As a group begins only when the one before it has been flushed, the mere header of a later group proves that an invalid group
/// was durable once. Hence the checksum of its own: it is proof even when its body is torn.
/// </para>
/// Both checksums begin with the log's identity and cover the index, so what a segment held in an earlier life never passes for new.
/// </summary>
internal readonly record struct GroupHeader(uint BodyCrc, long FirstIndex, int BodyBytes, int Records)
{
    public const int Bytes = 24;
    public const int Alignment = 8;
    public const int RecordLengthBytes = sizeof(uint);

    private const int BodyCrcOffset = 4;
    private const int FirstIndexOffset = 8;
    private const int BodyBytesOffset = 16;
    private const int RecordsOffset = 20;

    public long GroupBytes => BytesOfGroup(BodyBytes);

    public bool IsEndMark => Records == 0;

    public static long BytesOfGroup(long bodyBytes) => (Bytes + bodyBytes + Alignment - 1) / Alignment * Alignment;

    public static long RecordBytes(long payloadBytes) => RecordLengthBytes + payloadBytes;

    /// <summary>What every checksum of a log begins with.</summary>
    public static uint Seed(Guid logId)
    {
        Span<byte> bytes = stackalloc byte[16];
        logId.TryWriteBytes(bytes);
        return Crc32C.Compute(bytes);
    }

    /// <summary>Writes the header before a body that stands at its place in <paramref name="group"/>.</summary>
    public static void Seal(Span<byte> group, uint seed, long firstIndex, int bodyBytes, int records)
    {
        BinaryPrimitives.WriteInt64LittleEndian(group[FirstIndexOffset..], firstIndex);
        BinaryPrimitives.WriteInt32LittleEndian(group[BodyBytesOffset..], bodyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(group[RecordsOffset..], records);
        var bodyCrc = Crc32C.Continue(Crc32C.Continue(seed, group[FirstIndexOffset..Bytes]), group.Slice(Bytes, bodyBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(group[BodyCrcOffset..], bodyCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(group, Crc32C.Continue(seed, group[BodyCrcOffset..Bytes]));
    }

    /// <summary>Reads a header of the log with this <paramref name="seed"/>, of a group that fits into <paramref name="room"/>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, uint seed, long room, out GroupHeader header)
    {
        header = new GroupHeader(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[BodyCrcOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[FirstIndexOffset..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[BodyBytesOffset..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[RecordsOffset..]));
        return header.FirstIndex > 0
            && header.BodyBytes >= 0
            && header.GroupBytes <= room
            && header.Records >= 0
            && (long)header.Records * RecordLengthBytes <= header.BodyBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Crc32C.Continue(seed, bytes[BodyCrcOffset..Bytes]);
    }

    /// <param name="group">The header's own bytes and the body.</param>
    /// <param name="seed">See <see cref="Seed"/>.</param>
    public bool HasIntactBody(ReadOnlySpan<byte> group, uint seed)
    {
        var body = group.Slice(Bytes, BodyBytes);
        return Crc32C.Continue(Crc32C.Continue(seed, group[FirstIndexOffset..Bytes]), body) == BodyCrc && HoldsItsRecords(body);
    }

    private bool HoldsItsRecords(ReadOnlySpan<byte> body)
    {
        for (var record = 0; record < Records; record++)
        {
            if (body.Length < RecordLengthBytes || NextRecordBytes(body) > body.Length - RecordLengthBytes)
            {
                return false;
            }

            body = body[(RecordLengthBytes + (int)NextRecordBytes(body))..];
        }

        return body.IsEmpty;
    }

    private static uint NextRecordBytes(ReadOnlySpan<byte> body) => BinaryPrimitives.ReadUInt32LittleEndian(body);
}
