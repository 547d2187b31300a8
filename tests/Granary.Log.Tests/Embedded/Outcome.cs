using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

/// <summary>What came of opening a changed log. There are no others than these three.</summary>
internal sealed record Outcome(string Kind, string File = "", int Offset = 0)
{
    public const string Whole = "whole";
    public const string WithoutLastGroup = "without the last group";
    public const string Refused = "refused";

    public static Outcome Of(Recorded log, IReadOnlyList<byte[]> replayed)
    {
        Assert.True(
            replayed.Count == log.Records.Count || replayed.Count == log.Records.Count - log.LastGroupRecords,
            $"{replayed.Count} of {log.Records.Count} records came back");
        Assert.Equal(log.Records.Take(replayed.Count), replayed);
        return new Outcome(replayed.Count == log.Records.Count ? Whole : WithoutLastGroup);
    }

    /// <summary>What a byte flipped at this place must lead to.</summary>
    public static Outcome OfFlipping(Recorded log, string name, int offset)
    {
        if (offset < SegmentHeader.Bytes)
        {
            return new Outcome(Refused, name);
        }

        var groups = log.Groups[name];
        var flipped = groups.Find(group => offset >= group.Start && offset < group.BodyEnd);
        if (flipped is null)
        {
            return new Outcome(Whole);
        }

        var isVeryLast = name == log.Groups.Keys.Max() && flipped == groups[^1];
        return !isVeryLast ? new Outcome(Refused, name, flipped.Start)
            : new Outcome(flipped.IsEndMark ? Whole : WithoutLastGroup);
    }
}
