namespace Granary.Log.Engines.Embedded;

/// <summary>
/// Decides what a log on disk holds, before a byte of it is changed or a record of it replayed.
/// <para>
/// The rules of writing on which it rests: a group is written only when the one before it has been flushed; a segment gets its name
/// only when all records before its first are flushed and its own header is. So the first group that is not valid is the torn tail
/// of a write that nobody was told of if it is in the last segment and no header of a later group exists behind it, and is damage to
/// what was acknowledged otherwise. Damage to the very last group looks like a torn tail, unless the mark of an orderly end follows.
/// </para>
/// </summary>
internal static class LogVerification
{
    /// <returns>What the log holds; null when the directory has no segment.</returns>
    /// <exception cref="LogDamagedException">Something that was made durable is not there as it was.</exception>
    public static VerifiedLog? Verify(string directory, ILogFiles files)
    {
        var segments = List(directory);
        VerifiedLog? log = null;
        for (var i = 0; i < segments.Count; i++)
        {
            using var file = files.Open(segments[i].Path);
            var header = ReadHeader(file, segments[i]);
            segments[i] = segments[i] with { Bytes = header.SegmentBytes };
            if (log is not null && header.LogId != log.Id)
            {
                throw new LogDamagedException(
                    segments[i].Path, 0, $"this segment belongs to log {header.LogId}, the ones before it to {log.Id}");
            }

            if (log is not null && header.FirstIndex != log.LastIndex + 1)
            {
                throw new LogDamagedException(
                    segments[i].Path,
                    0,
                    $"this segment begins with record {header.FirstIndex}, the one before it ends with {log.LastIndex}");
            }

            var next = i + 1 < segments.Count ? segments[i + 1] : null;
            log = ReadGroups(file, segments[i], header.LogId, next) with { Segments = segments };
        }

        return log;
    }

    /// <summary>Hands over the records after <paramref name="after"/>, in order.</summary>
    /// <returns>The bytes of the groups that hold them.</returns>
    public static long Replay(VerifiedLog log, ILogFiles files, long after, ReplayRecord replay)
    {
        var bytes = 0L;
        for (var i = 0; i < log.Segments.Count; i++)
        {
            var lastIndex = i + 1 < log.Segments.Count ? log.Segments[i + 1].FirstIndex - 1 : log.LastIndex;
            if (lastIndex > after)
            {
                bytes += Replay(log.Segments[i], lastIndex, GroupHeader.Seed(log.Id), files, after, replay);
            }
        }

        return bytes;
    }

    private static long Replay(SegmentFile segment, long lastIndex, uint seed, ILogFiles files, long after, ReplayRecord replay)
    {
        using var file = files.Open(segment.Path);
        var reader = new SegmentReader(file, segment, seed);
        var bytes = 0L;
        var offset = (long)SegmentHeader.Bytes;
        for (var index = segment.FirstIndex; index <= lastIndex;)
        {
            if (!reader.TryReadGroup(offset, index, out var group, out var body))
            {
                throw new LogDamagedException(segment.Path, offset, $"the group of record {index} changed since it was verified");
            }

            offset += group.GroupBytes;
            var groupEnd = index + group.Records;
            if (groupEnd > after + 1)
            {
                bytes += group.GroupBytes;
            }

            for (; index < groupEnd; index++)
            {
                var payload = SegmentReader.TakeRecord(ref body);
                if (index > after)
                {
                    replay(index, payload);
                }
            }
        }

        return bytes;
    }

    private static List<SegmentFile> List(string directory)
    {
        var segments = new List<SegmentFile>();
        foreach (var path in Directory.EnumerateFiles(directory, "*" + SegmentFile.Extension))
        {
            if (!SegmentFile.TryParseFirstIndex(path, out var firstIndex))
            {
                throw new LogDamagedException(path, 0, "the name of this file is not that of a segment");
            }

            segments.Add(new SegmentFile(path, firstIndex, 0));
        }

        segments.Sort((a, b) => a.FirstIndex.CompareTo(b.FirstIndex));
        return segments;
    }

    private static SegmentHeader ReadHeader(ILogFile file, SegmentFile segment)
    {
        var length = file.Length;
        if (length < SegmentHeader.Bytes)
        {
            throw new LogDamagedException(segment.Path, length, $"the file ends here, within its header of {SegmentHeader.Bytes} bytes");
        }

        var block = new byte[SegmentHeader.Bytes];
        try
        {
            file.Read(block, 0);
        }
        catch (IOException e)
        {
            throw new LogDamagedException(segment.Path, 0, $"the segment's header cannot be read: {e.Message}", e);
        }

        if (SegmentHeader.Read(block, out var header) is { } fault)
        {
            throw new LogDamagedException(segment.Path, 0, fault);
        }

        if (header.FirstIndex != segment.FirstIndex)
        {
            throw new LogDamagedException(
                segment.Path, 0, $"the header says that the first record is {header.FirstIndex}, the file's name says another");
        }

        if (length != header.SegmentBytes)
        {
            throw new LogDamagedException(
                segment.Path, Math.Min(length, header.SegmentBytes), $"the file has {length} bytes instead of {header.SegmentBytes}");
        }

        return header;
    }

    private static VerifiedLog ReadGroups(ILogFile file, SegmentFile segment, Guid logId, SegmentFile? next)
    {
        var reader = new SegmentReader(file, segment, GroupHeader.Seed(logId));
        var index = segment.FirstIndex;
        var offset = (long)SegmentHeader.Bytes;
        var lastGroup = new GroupHeader(0, index, 0, Records: 0);
        var lastGroupOffset = offset;

        // What stands behind the last record before the next segment is of no interest: a tail that was cut, or an earlier life.
        while (next is null || index < next.FirstIndex)
        {
            if (!reader.TryReadGroup(offset, index, out var group, out _))
            {
                break;
            }

            index += group.Records;
            lastGroup = group;
            lastGroupOffset = offset;
            offset += group.GroupBytes;
        }

        if (next is not null && index < next.FirstIndex)
        {
            throw new LogDamagedException(
                segment.Path, offset, $"there is no valid group with record {index}, but {next.Path} begins with {next.FirstIndex}");
        }

        if (next is null && reader.FindLaterGroup(index, offset) is { } later)
        {
            throw new LogDamagedException(
                segment.Path, offset, $"there is no valid group with record {index}, but a later one begins at offset {later}");
        }

        var endedOrderly = offset > SegmentHeader.Bytes && lastGroup.IsEndMark;
        return new VerifiedLog(logId, [segment], index - 1, lastGroupOffset, offset, endedOrderly);
    }
}
