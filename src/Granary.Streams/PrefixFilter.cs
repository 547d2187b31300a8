using System.Collections.Concurrent;
using Orleans.Runtime;
using Orleans.Streams.Filtering;

namespace Granary.Streams;

/// <summary>Keeps from a grain what changed nothing below its prefix: asked by the agent, on the silo whose stream it is.</summary>
internal sealed class PrefixFilter : IStreamFilter
{
    // More prefixes than that are read anew each time.
    private const int MaxKept = 4096;

    private readonly ConcurrentDictionary<string, KeyPrefix> _prefixes = new();

    public bool ShouldDeliver(StreamId streamId, object item, string? filterData) =>
        string.IsNullOrEmpty(filterData) || item is not Commit commit || Prefix(filterData).IsTouchedBy(commit);

    private KeyPrefix Prefix(string filterData)
    {
        if (!_prefixes.TryGetValue(filterData, out var prefix))
        {
            prefix = KeyPrefix.Decode(filterData);
            if (_prefixes.Count < MaxKept)
            {
                _prefixes[filterData] = prefix;
            }
        }

        return prefix;
    }
}
