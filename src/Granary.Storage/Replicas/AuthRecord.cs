using System.Text;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>Users, roles or the switch of authentication change.</summary>
public sealed record AuthRecord(AuthChange Change) : LogRecord
{
    private const byte Gone = 0;
    private const byte There = 1;

    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.Auth);
        target.Byte(Change.IsEnabled ? (byte)1 : (byte)0);
        target.Varint((long)Change.Revision);
        target.Varint(Change.Entries.Count);
        foreach (var entry in Change.Entries)
        {
            target.Byte((byte)entry.Kind);
            target.LengthAndBytes(Encoding.UTF8.GetBytes(entry.Name));
            target.Byte(entry.Value is null ? Gone : There);
            if (entry.Value is not null)
            {
                target.LengthAndBytes(entry.Value.ToByteArray());
            }
        }
    }

    internal static AuthRecord Decode(ref ByteReader reader)
    {
        var isEnabled = reader.Byte() != 0;
        var revision = (ulong)reader.Varint();
        var entries = new AuthEntry[Count(ref reader)];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = DecodeEntry(ref reader);
        }

        return new AuthRecord(new AuthChange(isEnabled, revision, entries));
    }

    private static AuthEntry DecodeEntry(ref ByteReader reader)
    {
        var kind = (AuthEntryKind)reader.Byte();
        var name = Encoding.UTF8.GetString(reader.LengthAndBytes());
        if (reader.Byte() == Gone)
        {
            return new AuthEntry(kind, name, null);
        }

        var message = reader.LengthAndBytes();
        try
        {
            return new AuthEntry(kind, name, kind switch
            {
                AuthEntryKind.User => User.Parser.ParseFrom(message),
                AuthEntryKind.Role => (IMessage)Role.Parser.ParseFrom(message),
                _ => throw new InvalidDataException($"a log record has neither a user nor a role but {(int)kind}"),
            });
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new InvalidDataException($"a log record has a damaged user or role: {exception.Message}", exception);
        }
    }
}
