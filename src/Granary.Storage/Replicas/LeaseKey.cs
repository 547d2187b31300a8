using System.Buffers.Binary;

namespace Granary.Storage.Replicas;

/// <summary>Keys of leases and of what is attached to them: the id, eight bytes, then the attached key.</summary>
internal static class LeaseKey
{
    public const int Length = 8;

    /// <summary>The value of what was attached to a lease that was not there; else it is empty.</summary>
    public static ReadOnlySpan<byte> WithoutLease => [1];

    public static void Write(ByteWriter target, long lease, ReadOnlySpan<byte> attached = default)
    {
        target.Int64BigEndian(lease);
        target.Bytes(attached);
    }

    /// <summary>What comes before all that are attached to a lease.</summary>
    public static byte[] Of(long lease)
    {
        var key = new byte[Length];
        Write(key, lease);
        return key;
    }

    public static void Write(Span<byte> target, long lease) => BinaryPrimitives.WriteInt64BigEndian(target, lease);

    /// <summary>The first key behind all that are attached to a lease; null when there can be none.</summary>
    public static byte[]? Behind(long lease)
    {
        // Ids are ordered as bytes, so -1 is the last one.
        if (lease == -1)
        {
            return null;
        }

        var key = new byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(key, lease + 1);
        return key;
    }

    public static long Id(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadInt64BigEndian(key);
}
