using System.Collections.Immutable;

namespace Granary.Client;

/// <summary>What a range holds.</summary>
/// <param name="Revision">As of which revision.</param>
/// <param name="Pairs">All of its pairs, in the order of their keys. It never changes: keep it as long as you like.</param>
public sealed record RangeState(long Revision, ImmutableSortedDictionary<Bytes, KeyValue> Pairs)
{
    internal RangeState With(WatchUpdate update)
    {
        var pairs = Pairs.ToBuilder();
        foreach (var change in update.Events)
        {
            if (change.IsDeletion)
            {
                pairs.Remove(change.Key);
            }
            else
            {
                pairs[change.Key] = change.KeyValue;
            }
        }

        return new RangeState(update.Revision, pairs.ToImmutable());
    }
}
