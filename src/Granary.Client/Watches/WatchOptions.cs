using Granary.Protos;

namespace Granary.Client;

/// <summary>What somebody who watches is told.</summary>
public sealed record WatchOptions
{
    /// <summary>The first revision whose changes are told; 0: what comes from when the watch begins.</summary>
    public long StartRevision { get; init; }

    /// <summary>Whether the pairs of before the changes are told, as far as they are not compacted.</summary>
    public bool ReturnPrevious { get; init; }

    /// <summary>Whether puts are left out.</summary>
    public bool ExcludePuts { get; init; }

    /// <summary>Whether deletions are left out.</summary>
    public bool ExcludeDeletions { get; init; }

    /// <summary>Whether it is told also without changes how far the watch has come: when it begins, and now and then when nothing changes.</summary>
    public bool ReportProgress { get; init; }

    internal WatchCreateRequest Request(KeyRange range, long start)
    {
        var request = new WatchCreateRequest
        {
            Key = range.Key.Wrapped,
            RangeEnd = range.End.Wrapped,
            StartRevision = start,
            PrevKv = ReturnPrevious,
            Fragment = true,

            // Asked for always: without it, a watch of keys that rest would be resumed from a revision that is compacted by then.
            ProgressNotify = true,
        };
        if (ExcludePuts)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        }

        if (ExcludeDeletions)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
        }

        return request;
    }
}
