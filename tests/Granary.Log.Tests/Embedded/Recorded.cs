using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

/// <summary>A log of three segments, the last of them recycled, as bytes; and where in it what stands.</summary>
internal sealed class Recorded
{
    private Recorded(SortedDictionary<string, byte[]> image, IReadOnlyList<byte[]> records, long after, int lastGroupRecords)
    {
        Image = image;
        Records = records;
        After = after;
        LastGroupRecords = lastGroupRecords;
        foreach (var (name, bytes) in image.Where(file => file.Key.EndsWith(".segment", StringComparison.Ordinal)))
        {
            Groups[name] = FindGroups(bytes);
        }

        var (last, groups) = (image[Groups.Keys.Max()!], Groups[Groups.Keys.Max()!]);
        Assert.True(last.AsSpan(groups[^1].End).ContainsAnyExcept((byte)0), "the last segment should be a recycled one");
    }

    public SortedDictionary<string, byte[]> Image { get; }

    public IReadOnlyList<byte[]> Records { get; }

    public long After { get; }

    public int LastGroupRecords { get; }

    /// <summary>Per segment the groups of its present life, the mark included.</summary>
    public Dictionary<string, List<GroupExtent>> Groups { get; } = [];

    public static Recorded Make(LogDirectory directory, bool endedOrderly)
    {
        const int LastGroupRecords = 3;
        var random = new Random(7);
        var records = new List<byte[]>();
        long first;
        using (var log = OpenedLog.Open(directory))
        {
            // Three lives of segments first: the spares then hold groups of this very log.
            while (log.Log.LastIndex < 40)
            {
                log.Append(Payload.Of(random.Next(900), (int)log.Log.LastIndex + 1));
                log.Log.Recycle(log.Log.LastIndex);
            }

            var segments = 0;
            while (segments < 3)
            {
                log.Stage(Payload.Of(random.Next(500), (int)log.Log.LastIndex + 1));
                log.Stage(Payload.Of(random.Next(500), (int)log.Log.LastIndex + 2));
                log.Log.Flush();
                segments = directory.Segments.Count;
            }

            for (var i = 1; i <= LastGroupRecords; i++)
            {
                log.Stage(Payload.Of(random.Next(300), (int)log.Log.LastIndex + i));
            }

            log.Log.Flush();
            first = log.Log.FirstIndex;
            if (endedOrderly)
            {
                log.Log.Close();
            }
        }

        var image = directory.Read();
        using (var again = OpenedLog.Open(directory, first - 1))
        {
            records.AddRange(again.Replayed);
        }

        directory.Write(image);
        return new Recorded(image, records, first - 1, LastGroupRecords);
    }

    /// <summary>All of what is in use and some around it; of the bulk that means nothing, a sample.</summary>
    public IEnumerable<int> OffsetsOfInterest(string name)
    {
        for (var offset = 0; offset < Image[name].Length; offset++)
        {
            var header = offset < 64;
            var groups = offset >= SegmentHeader.Bytes && offset < Groups[name][^1].End + 64;
            if (header || groups || offset % 61 == 0)
            {
                yield return offset;
            }
        }
    }

    /// <summary>Opens the log with one file changed, in a directory that holds its image, and puts the image back.</summary>
    public Outcome Open(LogDirectory directory, string changedName, byte[] changed)
    {
        directory.Write(changedName, changed);

        // A log that could be opened may have left a spare that the image has not.
        var before = directory.Read();
        try
        {
            using var log = OpenedLog.Open(directory, After, FaultyFiles.NeverFlushed);
            return Outcome.Of(this, log.Replayed);
        }
        catch (LogDamagedException e)
        {
            var now = directory.Read();
            Assert.Equal(before.Keys, now.Keys);
            Assert.All(now, file => Assert.True(file.Value.AsSpan().SequenceEqual(before[file.Key])));
            return new Outcome(Outcome.Refused, Path.GetFileName(e.File), (int)e.Offset);
        }
        finally
        {
            // A log that opens only writes to its last segment.
            directory.Write(changedName, Image[changedName]);
            directory.Write(Groups.Keys.Max()!, Image[Groups.Keys.Max()!]);
        }
    }

    private static List<GroupExtent> FindGroups(byte[] segment)
    {
        SegmentHeader.Read(segment, out var header);
        var index = header.FirstIndex;
        var offset = SegmentHeader.Bytes;
        var groups = new List<GroupExtent>();
        while (GroupHeader.TryRead(segment.AsSpan(offset), GroupHeader.Seed(header.LogId), segment.Length - offset, out var group)
            && group.FirstIndex == index)
        {
            var end = offset + (int)group.GroupBytes;
            groups.Add(new GroupExtent(offset, offset + GroupHeader.Bytes + group.BodyBytes, end, group.IsEndMark));
            index += group.Records;
            offset = end;
        }

        return groups;
    }

    /// <summary>Between the end of the body and its own end, a group has padding that nobody reads.</summary>
    public sealed record GroupExtent(int Start, int BodyEnd, int End, bool IsEndMark);
}
