using System.Buffers.Binary;

namespace Granary.Log.Engines.Embedded;

/// <summary>Reads one segment through a window, and finds the groups in it.</summary>
internal sealed class SegmentReader(ILogFile file, SegmentFile segment, uint seed)
{
    private const int WindowBytes = 1 << 20;

    private byte[] _window = [];
    private long _windowOffset;
    private int _windowLength;

    /// <summary>Reads the group that begins at <paramref name="offset"/>.</summary>
    /// <param name="offset">Where to look.</param>
    /// <param name="firstIndex">The index that its first record must have.</param>
    /// <param name="header">The group's header.</param>
    /// <param name="body">Valid until the next call.</param>
    /// <returns>Whether there is such a group, and it is whole.</returns>
    public bool TryReadGroup(long offset, long firstIndex, out GroupHeader header, out ReadOnlySpan<byte> body)
    {
        header = default;
        body = default;
        var room = segment.Bytes - offset;
        if (room < GroupHeader.Bytes
            || !GroupHeader.TryRead(At(offset, GroupHeader.Bytes), seed, room, out header)
            || header.FirstIndex != firstIndex)
        {
            return false;
        }

        var group = At(offset, GroupHeader.Bytes + header.BodyBytes);
        if (!header.HasIntactBody(group, seed))
        {
            return false;
        }

        body = group.Slice(GroupHeader.Bytes, header.BodyBytes);
        return true;
    }

    /// <summary>
    /// Looks for the header of a group that was written after the one that should begin at <paramref name="offset"/> with record
    /// <paramref name="index"/> and is not valid. Further on, the same index proves as much as a higher one: that group follows a
    /// mark of an orderly end, which takes no index.
    /// </summary>
    /// <returns>Its offset; null when there is none in the rest of the segment.</returns>
    public long? FindLaterGroup(long index, long offset)
    {
        var invalidGroup = offset;

        // Each record takes some bytes, which bounds the indexes that can be here; random bytes pass as one hardly ever.
        var highestIndex = index + segment.Bytes / GroupHeader.RecordLengthBytes;
        while (segment.Bytes - offset >= GroupHeader.Bytes)
        {
            var bytes = At(offset, (int)Math.Min(WindowBytes, segment.Bytes - offset));
            var position = 0;
            for (; position + GroupHeader.Bytes <= bytes.Length; position += GroupHeader.Alignment)
            {
                if (GroupHeader.TryRead(bytes[position..], seed, segment.Bytes - offset - position, out var header)
                    && header.FirstIndex >= (offset + position == invalidGroup ? index + 1 : index)
                    && header.FirstIndex <= highestIndex)
                {
                    return offset + position;
                }
            }

            offset += position;
        }

        return null;
    }

    /// <summary>The next record of a group's body, which is cut off from it.</summary>
    public static ReadOnlySpan<byte> TakeRecord(ref ReadOnlySpan<byte> body)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(body);
        var record = body.Slice(GroupHeader.RecordLengthBytes, length);
        body = body[(GroupHeader.RecordLengthBytes + length)..];
        return record;
    }

    /// <exception cref="LogDamagedException">The bytes cannot be read.</exception>
    private ReadOnlySpan<byte> At(long offset, int count)
    {
        if (offset < _windowOffset || offset + count > _windowOffset + _windowLength)
        {
            var wanted = (int)Math.Max(count, Math.Min(WindowBytes, segment.Bytes - offset));
            if (_window.Length < wanted)
            {
                _window = new byte[wanted];
            }

            _windowLength = 0;
            try
            {
                file.Read(_window.AsSpan(0, wanted), offset);
            }
            catch (IOException e)
            {
                throw new LogDamagedException(segment.Path, offset, $"{wanted} bytes from here on cannot be read: {e.Message}", e);
            }

            _windowOffset = offset;
            _windowLength = wanted;
        }

        return _window.AsSpan((int)(offset - _windowOffset), count);
    }
}
