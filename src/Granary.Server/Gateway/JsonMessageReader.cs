using System.Collections;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Server.Gateway;

/// <summary>
/// Makes a protobuf message out of JSON as etcd's gateway does. Google.Protobuf's own parser rounds 64-bit numbers that are not in quotes, knows
/// one form of base64 and lets duplicates pass; etcd does none of that.
/// </summary>
internal static class JsonMessageReader
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 512 };

    private static readonly ConcurrentDictionary<MessageDescriptor, Dictionary<string, FieldDescriptor>> FieldsByName = new();

    /// <exception cref="MalformedJsonException">It is no JSON, or a field cannot have this value.</exception>
    public static IMessage Read(ReadOnlySpan<byte> json, MessageDescriptor descriptor)
    {
        var message = descriptor.Parser.ParseFrom([]);
        var reader = new Utf8JsonReader(json, Options);
        try
        {
            reader.Read();
            ReadMessage(json, ref reader, message);
        }
        catch (JsonException)
        {
            // The scanner has let it pass: nothing is wrong with it but its depth.
            throw MalformedJsonException.At(json, reader.BytesConsumed, "exceeded max depth");
        }
        catch (InvalidOperationException)
        {
            // What the reader says of a text that is no UTF-8, or of half a surrogate pair.
            throw MalformedJsonException.At(json, reader.TokenStartIndex, "invalid UTF-8 in string", "syntax error ");
        }

        return message;
    }

    private static void ReadMessage(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, IMessage message)
    {
        var fields = FieldsByName.GetOrAdd(message.Descriptor, ByName);
        var seen = new HashSet<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var place = reader.TokenStartIndex;
            var name = reader.GetString()!;
            reader.Read();
            if (!fields.TryGetValue(name, out var field))
            {
                Skip(ref reader);
                continue;
            }

            if (!seen.Add(field.FieldNumber))
            {
                throw MalformedJsonException.At(json, place, $"duplicate field \"{name}\"");
            }

            if (reader.TokenType == JsonTokenType.Null)
            {
                continue;
            }

            if (field.RealContainingOneof is { } union && union.Accessor.GetCaseFieldDescriptor(message) is not null)
            {
                throw MalformedJsonException.At(json, place, $"error parsing \"{name}\", oneof {union.FullName} is already set");
            }

            if (field.IsRepeated)
            {
                ReadList(json, ref reader, field, (IList)field.Accessor.GetValue(message));
            }
            else if (ReadValue(json, ref reader, field) is { } value)
            {
                field.Accessor.SetValue(message, value);
            }
        }
    }

    /// <summary>Passes over a value that nobody asks for, though not over a text in it that is none.</summary>
    private static void Skip(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        do
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
            {
                reader.GetString();
            }
        }
        while ((reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray || reader.CurrentDepth > depth) && reader.Read());
    }

    /// <summary>Fields by the name that the .proto file gives them, and by JSON's.</summary>
    private static Dictionary<string, FieldDescriptor> ByName(MessageDescriptor descriptor)
    {
        var fields = descriptor.Fields.InDeclarationOrder().ToDictionary(static field => field.JsonName);
        foreach (var field in descriptor.Fields.InDeclarationOrder())
        {
            fields[field.Name] = field;
        }

        return fields;
    }

    private static void ReadList(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, FieldDescriptor field, IList list)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Unexpected(json, ref reader);
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (ReadValue(json, ref reader, field) is { } value)
            {
                list.Add(value);
            }
        }
    }

    /// <summary>One value, or null for the name of an enum value that is not known here.</summary>
    private static object? ReadValue(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, FieldDescriptor field)
    {
        switch (field.FieldType)
        {
            case FieldType.Message when reader.TokenType == JsonTokenType.StartObject:
                var message = field.MessageType.Parser.ParseFrom([]);
                ReadMessage(json, ref reader, message);
                return message;
            case FieldType.Message:
                throw Unexpected(json, ref reader);
            case FieldType.String when reader.TokenType == JsonTokenType.String:
                return reader.GetString();
            case FieldType.Bytes when reader.TokenType == JsonTokenType.String && JsonScalars.TryDecode(reader.GetString()!, out var bytes):
                return bytes;
            case FieldType.Bool when reader.TokenType is JsonTokenType.True or JsonTokenType.False:
                return reader.GetBoolean();
            case FieldType.Enum when reader.TokenType == JsonTokenType.String:
                return field.EnumType.FindValueByName(reader.GetString()) is { } known ? Enum.ToObject(field.EnumType.ClrType, known.Number) : null;
            case FieldType.Enum when reader.TokenType == JsonTokenType.Number && Integer(ref reader) is { } number and >= int.MinValue and <= int.MaxValue:
                return Enum.ToObject(field.EnumType.ClrType, (int)number);
            case FieldType.Int64 when Integer(ref reader) is { } number and >= long.MinValue and <= long.MaxValue:
                return (long)number;
            case FieldType.UInt64 when Integer(ref reader) is { } number and >= 0 and <= ulong.MaxValue:
                return (ulong)number;
            case FieldType.Int32 when Integer(ref reader) is { } number and >= int.MinValue and <= int.MaxValue:
                return (int)number;
            case FieldType.UInt32 when Integer(ref reader) is { } number and >= 0 and <= uint.MaxValue:
                return (uint)number;
            default:
                throw Invalid(json, ref reader, field);
        }
    }

    private static decimal? Integer(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number => JsonScalars.Integer(Encoding.ASCII.GetString(reader.ValueSpan)),
        JsonTokenType.String => JsonScalars.Integer(reader.GetString()!),
        _ => null,
    };

    private static MalformedJsonException Unexpected(ReadOnlySpan<byte> json, ref Utf8JsonReader reader) =>
        MalformedJsonException.At(json, reader.TokenStartIndex, $"unexpected token {Token(json, ref reader)}", "syntax error ");

    private static MalformedJsonException Invalid(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, FieldDescriptor field)
    {
        var kind = field.FieldType.ToString().ToLowerInvariant();
        return MalformedJsonException.At(json, reader.TokenStartIndex, $"invalid value for {kind} field {field.JsonName}: {Token(json, ref reader)}");
    }

    private static string Token(ReadOnlySpan<byte> json, ref Utf8JsonReader reader) =>
        Encoding.UTF8.GetString(json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed]);
}
