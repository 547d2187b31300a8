using Google.Protobuf;
using Granary.Protos;

namespace Granary.Streams;

/// <summary>One commit as the stream carries it: everything that changed at one revision, or where, if it is very much.</summary>
/// <param name="Revision">The revision; its successor is the next commit's.</param>
/// <param name="Events">What changed, in order, each with its previous pair where it has one that is not compacted. Not to be changed.</param>
/// <param name="TraceParent">The W3C trace context of the commit's span, or null when no request in it is sampled.</param>
/// <param name="Unlisted">
/// Null, unless the commit changed so much that its events are not listed here: then the ranges in which it changed keys. Who wants the events
/// reads them by a watch from the revision on.
/// </param>
[GenerateSerializer, Immutable, Alias("Granary.Commit")]
public sealed record Commit(
    [property: Id(0)] long Revision,
    [property: Id(1)] IReadOnlyList<Event> Events,
    [property: Id(2)] string? TraceParent,
    [property: Id(3)] IReadOnlyList<CommitRange>? Unlisted = null);

/// <summary>A range of keys as the stream carries it.</summary>
/// <param name="Key">The first key.</param>
/// <param name="RangeEnd">What a request names as <c>range_end</c>: the key behind the last one, empty for the one key, the byte zero for no end.</param>
[GenerateSerializer, Immutable, Alias("Granary.CommitRange")]
public readonly record struct CommitRange([property: Id(0)] ByteString Key, [property: Id(1)] ByteString RangeEnd);
