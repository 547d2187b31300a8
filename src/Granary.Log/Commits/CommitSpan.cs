using System.Diagnostics;

namespace Granary.Log.Commits;

/// <summary>The span of a group of records: a child of the first request in it that is traced, with links to all of them.</summary>
internal static class CommitSpan
{
    /// <summary>Starts it, or returns null when no request of the group is traced.</summary>
    public static Activity? Start(List<PendingRecord> group)
    {
        ActivityContext parent = default;
        List<ActivityLink>? links = null;
        foreach (var pending in group)
        {
            if (pending is PendingBatch { Batch.Requests: { Count: > 0 } requests })
            {
                links ??= [];
                foreach (var request in requests)
                {
                    parent = parent == default ? request : parent;
                    links.Add(new ActivityLink(request));
                }
            }
        }

        return links is null ? null : CommitLogMetrics.Source.StartActivity(ActivityKind.Internal, parent, links: links, name: "commit");
    }
}
