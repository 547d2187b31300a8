using System.Buffers.Binary;

namespace Granary.Storage.Snapshots;

/// <summary>A key of etcd's <c>key</c> bucket: main revision, <c>_</c>, sub revision, both eight bytes big-endian, and <c>t</c> behind a delete.</summary>
internal readonly record struct RevisionKey(long Main, long Sub, bool IsTombstone)
{
    public const int Bytes = 17;
    public const int TombstoneBytes = 18;

    public int Length => IsTombstone ? TombstoneBytes : Bytes;

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt64BigEndian(target, Main);
        target[8] = (byte)'_';
        BinaryPrimitives.WriteInt64BigEndian(target[9..], Sub);
        if (IsTombstone)
        {
            target[Bytes] = (byte)'t';
        }
    }

    public static bool TryRead(ReadOnlySpan<byte> key, out RevisionKey revision)
    {
        if (key.Length is not (Bytes or TombstoneBytes) || key[8] != '_' || (key.Length == TombstoneBytes && key[Bytes] != 't'))
        {
            revision = default;
            return false;
        }

        revision = new RevisionKey(
            BinaryPrimitives.ReadInt64BigEndian(key), BinaryPrimitives.ReadInt64BigEndian(key[9..]), key.Length == TombstoneBytes);
        return revision is { Main: >= 0, Sub: >= 0 };
    }
}
