namespace Granary.Log.Engines.Embedded;

/// <summary>Settings of a <see cref="SegmentLog"/>.</summary>
public sealed record SegmentLogOptions
{
    /// <summary>
    /// What no new segment takes from the disk: a store that can't flush can't give old segments back. As much as RocksDB wants to see
    /// free before it recovers from a full disk (its memtables, 64 MiB), and a little more.
    /// </summary>
    public const long ReservedDiskBytes = 72 << 20;

    /// <summary>The directory that holds the log's files and nothing else; created when it does not exist.</summary>
    public required string Directory { get; init; }

    /// <summary>Size of a segment file. May change between starts: segments that exist keep theirs.</summary>
    public long SegmentBytes { get; init; } = 64L << 20;

    /// <summary>How many empty segments are kept ready, so that going on to the next one waits for no preallocation.</summary>
    public int SpareSegments { get; init; } = 1;

    /// <summary>
    /// How many segments that are no longer needed are kept for reuse. As many as are recycled at a time, and no segment need ever
    /// be prepared anew.
    /// </summary>
    public int MaxSpareSegments { get; init; } = 4;

    /// <summary>The largest record that the log takes.</summary>
    public int MaxRecordBytes { get; init; } = 16 << 20;

    /// <summary>How long to wait before trying again to prepare a spare segment, when that has failed (disk full).</summary>
    public TimeSpan SpareRetryInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        Require(!string.IsNullOrWhiteSpace(Directory), nameof(Directory), "must name a directory");
        Require(
            SegmentBytes is >= 2 * SegmentHeader.Bytes and <= 1L << 30 && SegmentBytes % SegmentHeader.Bytes == 0,
            nameof(SegmentBytes),
            $"must be a multiple of {SegmentHeader.Bytes} from {2 * SegmentHeader.Bytes} to {1L << 30}, but is {SegmentBytes}");
        Require(SpareSegments is >= 1 and <= 64, nameof(SpareSegments), $"must be 1 to 64, but is {SpareSegments}");
        Require(
            MaxSpareSegments >= SpareSegments && MaxSpareSegments <= 1024,
            nameof(MaxSpareSegments),
            $"must be {nameof(SpareSegments)} to 1024, but is {MaxSpareSegments}");
        Require(
            MaxRecordBytes >= 1 && GroupHeader.BytesOfGroup(GroupHeader.RecordBytes(MaxRecordBytes)) <= RoomInEmptySegment(SegmentBytes),
            nameof(MaxRecordBytes),
            $"must be at least 1 and leave room for the headers in a segment of {SegmentBytes} bytes, but is {MaxRecordBytes}");
        Require(SpareRetryInterval > TimeSpan.Zero, nameof(SpareRetryInterval), $"must be positive, but is {SpareRetryInterval}");
    }

    /// <summary>What groups may fill: a segment always keeps room for the mark of an orderly end.</summary>
    internal static long RoomInEmptySegment(long segmentBytes) => segmentBytes - SegmentHeader.Bytes - GroupHeader.Bytes;

    private static void Require(bool holds, string setting, string rule)
    {
        if (!holds)
        {
            throw new ArgumentException($"{setting} {rule}.", setting);
        }
    }
}
