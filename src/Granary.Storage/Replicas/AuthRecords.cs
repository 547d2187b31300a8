using System.Buffers.Binary;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// Users, roles and the state of authentication as records of their own family: kept, and handed on by snapshots. The first byte of a key
/// says what it is; behind it comes the name. Values of users and roles are etcd's messages.
/// </summary>
internal static class AuthRecords
{
    public const byte User = (byte)'u';
    public const byte Role = (byte)'r';

    // One byte, 1 when authentication is on, and the auth revision, u64 big-endian.
    private const int StateBytes = 1 + sizeof(ulong);

    private static ReadOnlySpan<byte> StateKey => "s"u8;

    public static void Put(IStoreBatch batch, byte kind, ReadOnlySpan<byte> name, ReadOnlySpan<byte> message)
    {
        Span<byte> key = name.Length < 256 ? stackalloc byte[1 + name.Length] : new byte[1 + name.Length];
        key[0] = kind;
        name.CopyTo(key[1..]);
        batch.Put(Family.Auth, key, message);
    }

    public static void PutState(IStoreBatch batch, bool isEnabled, ulong revision)
    {
        Span<byte> value = stackalloc byte[StateBytes];
        value[0] = isEnabled ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt64BigEndian(value[1..], revision);
        batch.Put(Family.Auth, StateKey, value);
    }

    /// <summary>Whether authentication is on, and the auth revision, which is 1 as long as nothing was changed.</summary>
    public static (bool IsEnabled, ulong Revision) ReadState(IStoreSnapshot snapshot) =>
        snapshot.Read(Family.Auth, StateKey, 0, static (value, _) => value.Length == StateBytes
            ? Tuple.Create(value[0] != 0, BinaryPrimitives.ReadUInt64BigEndian(value[1..]))
            : throw new InvalidDataException("the stored state of authentication has a wrong length")) is { } state
            ? (state.Item1, state.Item2)
            : (false, 1);

    /// <summary>All of one kind, by name.</summary>
    public static IEnumerable<(byte[] Name, byte[] Message)> Read(IStoreSnapshot snapshot, byte kind)
    {
        using var cursor = snapshot.Scan(Family.Auth, [kind], [(byte)(kind + 1)]);
        while (cursor.MoveNext())
        {
            yield return (cursor.Key[1..].ToArray(), cursor.Value.ToArray());
        }
    }
}
