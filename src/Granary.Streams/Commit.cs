using Granary.Protos;

namespace Granary.Streams;

/// <summary>One commit as the stream carries it: everything that changed at one revision.</summary>
/// <param name="Revision">The revision; its successor is the next commit's.</param>
/// <param name="Events">What changed, in order, each with its previous pair where it has one that is not compacted. Not to be changed.</param>
/// <param name="TraceParent">The W3C trace context of the commit's span, or null when no request in it is sampled.</param>
[GenerateSerializer, Immutable, Alias("Granary.Commit")]
public sealed record Commit(
    [property: Id(0)] long Revision,
    [property: Id(1)] IReadOnlyList<Event> Events,
    [property: Id(2)] string? TraceParent);
