using Granary.Protos;

namespace Granary.Streams;

/// <summary>One commit as the stream carries it: everything that changed at one revision.</summary>
/// <param name="Revision">The revision; its successor is the next commit's.</param>
/// <param name="Events">
/// What changed, in order, each with its previous pair where it has one that is not compacted, unless <paramref name="HasPrevious"/> says
/// otherwise. Not to be changed.
/// </param>
/// <param name="TraceParent">The W3C trace context of the commit's span, or null when no request in it is sampled.</param>
/// <param name="HasPrevious">False when the commit deletes so much that the previous pairs are left to those who want them: the history has them.</param>
[GenerateSerializer, Immutable, Alias("Granary.Commit")]
public sealed record Commit(
    [property: Id(0)] long Revision,
    [property: Id(1)] IReadOnlyList<Event> Events,
    [property: Id(2)] string? TraceParent,
    [property: Id(3)] bool HasPrevious = true);
