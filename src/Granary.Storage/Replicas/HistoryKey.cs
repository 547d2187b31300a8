using System.Buffers.Binary;

namespace Granary.Storage.Replicas;

/// <summary>
/// Keys of the history: the key, escaped so that keys keep their order whatever follows them, then the mod revision, newest first.
/// A zero byte becomes 00 FF, 00 00 ends the key.
/// </summary>
internal static class HistoryKey
{
    private const int RevisionLength = 8;

    public static void Write(ByteWriter target, ReadOnlySpan<byte> key, long modRevision)
    {
        WriteStart(target, key);
        target.Byte(0);
        target.Byte(0);
        target.Int64BigEndian(long.MaxValue - modRevision);
    }

    /// <summary>The smallest history key of any key at or behind <paramref name="key"/>.</summary>
    public static void WriteStart(ByteWriter target, ReadOnlySpan<byte> key)
    {
        while (key.IndexOf((byte)0) is >= 0 and var zero)
        {
            target.Bytes(key[..zero]);
            target.Byte(0);
            target.Byte(0xff);
            key = key[(zero + 1)..];
        }

        target.Bytes(key);
    }

    /// <summary>Behind every revision of <paramref name="key"/>, before every other key that follows it.</summary>
    public static void WriteBehind(ByteWriter target, ReadOnlySpan<byte> key)
    {
        WriteStart(target, key);
        target.Byte(0);
        target.Byte(1);
    }

    public static long ModRevision(ReadOnlySpan<byte> historyKey) =>
        long.MaxValue - BinaryPrimitives.ReadInt64BigEndian(historyKey[^RevisionLength..]);

    public static byte[] Key(ReadOnlySpan<byte> historyKey)
    {
        var escaped = historyKey[..^(RevisionLength + 2)];
        var key = new byte[escaped.Length];
        var length = 0;
        for (var i = 0; i < escaped.Length; i++)
        {
            key[length++] = escaped[i];
            if (escaped[i] == 0)
            {
                i++;
            }
        }

        return length == key.Length ? key : key[..length];
    }
}
