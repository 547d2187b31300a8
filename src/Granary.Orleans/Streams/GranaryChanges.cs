using Granary.Client;
using Orleans;

namespace Granary.Orleans;

/// <summary>What a grain is told of the keys that name it.</summary>
/// <param name="Revision">The grain was told all that has changed until this revision, and with it.</param>
/// <param name="Events">The changes in their order.</param>
/// <param name="MayHaveMissed">
/// Whether changes before were compacted before they could be told. The events are then the pairs as they are, as if each were put now, in one call or in several;
/// what was deleted meanwhile is not told.
/// </param>
[GenerateSerializer, Immutable, Alias("Granary.Orleans.GranaryChanges")]
public sealed record GranaryChanges(
    [property: Id(0)] long Revision,
    [property: Id(1)] IReadOnlyList<WatchEvent> Events,
    [property: Id(2)] bool MayHaveMissed);
