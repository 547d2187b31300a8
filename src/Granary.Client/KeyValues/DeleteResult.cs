using Granary.Protos;

namespace Granary.Client;

/// <summary>The keys of a range were deleted.</summary>
/// <param name="Revision">The revision of the store then; unless a key was there, nothing has changed at it.</param>
/// <param name="Deleted">How many keys there were.</param>
/// <param name="Previous">The pairs of before, if they were asked for.</param>
public sealed record DeleteResult(long Revision, long Deleted, IReadOnlyList<KeyValue> Previous)
{
    internal static DeleteResult Of(DeleteRangeResponse response) =>
        new(response.Header?.Revision ?? 0, response.Deleted, [.. response.PrevKvs.Select(KeyValue.Of)]);
}
