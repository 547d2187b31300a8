using Granary.Protos;

namespace Granary.Client;

/// <summary>What was read of a range.</summary>
/// <param name="Revision">The revision of the store when it was read.</param>
/// <param name="KeyValues">The pairs.</param>
/// <param name="HasMore">Whether the limit has cut some off.</param>
/// <param name="Count">How many there are in the range, whatever the limit.</param>
public sealed record RangeResult(long Revision, IReadOnlyList<KeyValue> KeyValues, bool HasMore, long Count)
{
    internal static RangeResult Of(RangeResponse response) => new(
        response.Header?.Revision ?? 0,
        [.. response.Kvs.Select(KeyValue.Of)],
        response.More,
        response.Count);
}
