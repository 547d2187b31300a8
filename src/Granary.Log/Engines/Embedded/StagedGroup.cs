namespace Granary.Log.Engines.Embedded;

/// <summary>Records that wait in the <see cref="GroupBuffer"/> for the next flush and go into one segment.</summary>
internal sealed class StagedGroup(SpareSegment? spare, int start, long room)
{
    /// <summary>The segment that this group opens; null when it goes into the current one.</summary>
    public SpareSegment? Spare { get; } = spare;

    /// <summary>Where in the buffer its header stands.</summary>
    public int Start { get; } = start;

    public int Records { get; set; }

    public int BodyBytes { get; set; }

    public bool HasRoomFor(int payloadBytes) =>
        GroupHeader.BytesOfGroup(BodyBytes + GroupHeader.RecordBytes(payloadBytes)) <= room;
}
