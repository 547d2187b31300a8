using System.Diagnostics;
using Granary.Mvcc.Evaluation;

namespace Granary.Log.Commits;

/// <summary>Writes on their way into the log, with the facts outside their own range that they rest on.</summary>
/// <param name="Evaluation">The commits; its revisions are moved to where the log puts them.</param>
/// <param name="EvaluatedAt">The applied index of the state on which it was evaluated.</param>
/// <param name="Term">The term in which it was evaluated.</param>
/// <param name="RangeMapVersion">The range map by which it was routed.</param>
/// <param name="Fence">Asked once, when the batch gets its place: false keeps it out.</param>
/// <param name="Requests">The trace contexts of the requests in it that are sampled.</param>
public sealed record CommitBatch(
    BatchEvaluation Evaluation,
    long EvaluatedAt,
    long Term,
    long RangeMapVersion,
    Func<bool>? Fence,
    IReadOnlyList<ActivityContext> Requests);
