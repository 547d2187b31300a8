using Google.Protobuf;

namespace Granary.Streams;

/// <summary>For grains of the cluster that follow keys.</summary>
public static class GranaryStreamExtensions
{
    /// <summary>What changes below a prefix, from any revision on that is not compacted.</summary>
    /// <param name="grain">The grain that is to be told.</param>
    /// <param name="prefix">What the keys begin with, as UTF-8; empty: all keys.</param>
    public static GranaryStream GetGranaryStream(this IGrainBase grain, string prefix)
    {
        ArgumentNullException.ThrowIfNull(grain);
        ArgumentNullException.ThrowIfNull(prefix);
        return new GranaryStream(grain, new KeyPrefix(ByteString.CopyFromUtf8(prefix)));
    }

    /// <inheritdoc cref="GetGranaryStream(IGrainBase, string)"/>
    public static GranaryStream GetGranaryStream(this IGrainBase grain, ReadOnlySpan<byte> prefix)
    {
        ArgumentNullException.ThrowIfNull(grain);
        return new GranaryStream(grain, new KeyPrefix(ByteString.CopyFrom(prefix)));
    }
}
