using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// Users, roles and the state of authentication as records of their own family: kept, and handed on by snapshots. The first byte of a key
/// says what it is; behind it comes the name. Values of users and roles are etcd's messages.
/// </summary>
internal static class AuthRecords
{
    public const byte User = (byte)AuthEntryKind.User;
    public const byte Role = (byte)AuthEntryKind.Role;

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

    public static void Put(IStoreBatch batch, AuthChange change)
    {
        foreach (var entry in change.Entries)
        {
            var name = Encoding.UTF8.GetBytes(entry.Name);
            if (entry.Value is null)
            {
                batch.Delete(Family.Auth, [(byte)entry.Kind, .. name]);
            }
            else
            {
                Put(batch, (byte)entry.Kind, name, entry.Value.ToByteArray());
            }
        }

        PutState(batch, change.IsEnabled, change.Revision);
    }

    /// <summary>All of it.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static AuthState Load(IStoreSnapshot snapshot)
    {
        var (isEnabled, revision) = ReadState(snapshot);
        try
        {
            AuthEntry[] entries =
            [
                .. Read(snapshot, User).Select(static user => Entry(AuthEntryKind.User, user.Name, Protos.User.Parser.ParseFrom(user.Message))),
                .. Read(snapshot, Role).Select(static role => Entry(AuthEntryKind.Role, role.Name, Protos.Role.Parser.ParseFrom(role.Message))),
            ];
            return AuthState.Initial.With(new AuthChange(isEnabled, revision, entries));
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new InvalidDataException($"a stored user or role is damaged: {exception.Message}", exception);
        }

        static AuthEntry Entry(AuthEntryKind kind, byte[] name, IMessage value) => new(kind, Encoding.UTF8.GetString(name), value);
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
