using Granary.Client;
using Orleans;

namespace Granary.Orleans;

/// <summary>For grains that follow keys.</summary>
public static class GranaryStreamExtensions
{
    /// <summary>What changes below a prefix, as a stream for a grain. It comes by the <see cref="IGranaryClient"/> of the silo's services.</summary>
    /// <param name="grain">The grain that is to be told.</param>
    /// <param name="prefix">What the keys begin with; empty: all keys.</param>
    public static GranaryStream GetGranaryStream(this IGrainBase grain, Bytes prefix)
    {
        ArgumentNullException.ThrowIfNull(grain);
        return new GranaryStream(grain, KeyRange.Prefix(prefix));
    }
}
