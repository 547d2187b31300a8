namespace Granary.Log.Engines.Embedded;

/// <summary>What a log on disk was found to hold.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Segments">Its segments in order; at least one.</param>
/// <param name="LastIndex">Its last record.</param>
/// <param name="LastGroupOffset">Where in the last segment its last group begins; equal to the tail when that segment has none.</param>
/// <param name="TailOffset">Where in the last segment the next group goes.</param>
/// <param name="EndedOrderly">Whether the mark of an orderly end is the last group.</param>
internal sealed record VerifiedLog(
    Guid Id,
    IReadOnlyList<SegmentFile> Segments,
    long LastIndex,
    long LastGroupOffset,
    long TailOffset,
    bool EndedOrderly)
{
    public SegmentFile Last => Segments[^1];
}
