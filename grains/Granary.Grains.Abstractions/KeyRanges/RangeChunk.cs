using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>A part of a range that is read piece by piece.</summary>
/// <param name="Part">The pairs, in key order, without header and count.</param>
/// <param name="Revision">The revision that was read: name it for the chunks that follow.</param>
/// <param name="StoreRevision">The store's revision at the read.</param>
/// <param name="IsLast">Whether no pair follows.</param>
[GenerateSerializer, Immutable, Alias("Granary.RangeChunk")]
public sealed record RangeChunk(
    [property: Id(0)] RangeResponse Part,
    [property: Id(1)] long Revision,
    [property: Id(2)] long StoreRevision,
    [property: Id(3)] bool IsLast);
