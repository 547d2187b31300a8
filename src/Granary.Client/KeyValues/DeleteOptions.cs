using Granary.Protos;

namespace Granary.Client;

/// <summary>How keys are deleted.</summary>
public sealed record DeleteOptions
{
    /// <summary>Whether the pairs of before are told.</summary>
    public bool ReturnPrevious { get; init; }

    internal DeleteRangeRequest Request(KeyRange range) => new() { Key = range.Key.Wrapped, RangeEnd = range.End.Wrapped, PrevKv = ReturnPrevious };
}
