using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Granary.Log.Engines.Embedded;

/// <summary>Holds the records that wait for the next flush, laid out as they will stand on disk.</summary>
internal sealed class GroupBuffer : IBufferWriter<byte>
{
    private const int InitialBytes = 64 << 10;

    // A larger buffer is let go after the flush that needed it.
    private const int RetainedBytes = 8 << 20;

    // Writers may ask for a little more than they use, at the very end of a record as well.
    private const int MinimumSpan = 64;

    private readonly List<StagedGroup> _groups = [];
    private byte[] _bytes = new byte[InitialBytes];

    // How far finished records reach, and the open record's payload.
    private int _end;
    private int _written;
    private int _limit;

    public ReadOnlySpan<StagedGroup> Groups => CollectionsMarshal.AsSpan(_groups);

    public StagedGroup? LastGroup => _groups.Count > 0 ? _groups[^1] : null;

    public bool HasOpenRecord { get; private set; }

    public int Records { get; private set; }

    /// <summary>Begins a group for <paramref name="room"/> bytes of a segment.</summary>
    public void BeginGroup(SpareSegment? spare, long room)
    {
        _groups.Add(new StagedGroup(spare, _end, room));
        Reserve(_end, GroupHeader.Bytes);
        _end += GroupHeader.Bytes;
    }

    /// <summary>Begins a record in the last group, which must have room for it.</summary>
    public void BeginRecord(int maxBytes)
    {
        _written = checked(_end + GroupHeader.RecordLengthBytes);
        _limit = checked(_written + maxBytes);
        Reserve(_written, maxBytes + MinimumSpan);
        HasOpenRecord = true;
    }

    public void EndRecord()
    {
        var payloadBytes = _written - _end - GroupHeader.RecordLengthBytes;
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(_end), payloadBytes);
        var group = _groups[^1];
        group.BodyBytes += _written - _end;
        group.Records++;
        Records++;
        _end = _written;
        HasOpenRecord = false;
    }

    /// <returns>The spare that the record would have opened, if nothing else needs it.</returns>
    public SpareSegment? CancelRecord()
    {
        HasOpenRecord = false;
        var group = _groups[^1];
        if (group.Records > 0)
        {
            return null;
        }

        _groups.RemoveAt(_groups.Count - 1);
        _end = group.Start;
        return group.Spare;
    }

    /// <summary>Completes a group with its header and its padding.</summary>
    /// <returns>The group's bytes as they are to be on disk.</returns>
    public ReadOnlySpan<byte> Seal(StagedGroup group, uint seed, long firstIndex)
    {
        // The padding may reach into the header of the group behind, which is sealed later.
        var bytes = _bytes.AsSpan(group.Start, (int)GroupHeader.BytesOfGroup(group.BodyBytes));
        bytes[(GroupHeader.Bytes + group.BodyBytes)..].Clear();
        GroupHeader.Seal(bytes, seed, firstIndex, group.BodyBytes, group.Records);
        return bytes;
    }

    public void Clear()
    {
        _groups.Clear();
        _end = 0;
        Records = 0;
        if (_bytes.Length > RetainedBytes)
        {
            _bytes = new byte[InitialBytes];
        }
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (!HasOpenRecord || count > _limit - _written)
        {
            throw new InvalidOperationException("The record is larger than was announced when it was begun.");
        }

        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(_written, Math.Max(sizeHint, MinimumSpan));
        return _bytes.AsMemory(_written, Math.Max(_limit - _written, Math.Max(sizeHint, MinimumSpan)));
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    private void Reserve(int from, int count)
    {
        // The padding behind the last record is part of the buffer as well.
        var needed = checked(from + count + GroupHeader.Alignment);
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Math.Max(needed, 2L * _bytes.Length), Array.MaxLength));
        }
    }
}
