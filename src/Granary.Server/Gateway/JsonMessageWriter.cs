using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Server.Gateway;

/// <summary>
/// Writes messages as etcd's gateway does: the names of the .proto files, 64-bit numbers as strings, what has its default left out, no
/// blanks, and nothing escaped that need not be.
/// </summary>
internal static class JsonMessageWriter
{
    /// <summary>How JSON is written to clients.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static ReadOnlyMemory<byte> Write(IMessage message)
    {
        // Base64 takes a third more, and names their part.
        var buffer = new ArrayBufferWriter<byte>(Math.Max(256, message.CalculateSize() * 3 / 2));
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            Write(writer, message);
        }

        return buffer.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter writer, IMessage message)
    {
        writer.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            var value = field.Accessor.GetValue(message);
            if (field.IsRepeated)
            {
                WriteList(writer, field, (IList)value);
            }
            else if (field.HasPresence ? field.Accessor.HasValue(message) : !IsDefault(value))
            {
                writer.WritePropertyName(field.Name);
                WriteValue(writer, field, value);
            }
        }

        writer.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter writer, FieldDescriptor field, IList values)
    {
        if (values.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(field.Name);
        foreach (var value in values)
        {
            WriteValue(writer, field, value!);
        }

        writer.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter writer, FieldDescriptor field, object value)
    {
        switch (value)
        {
            case IMessage message:
                Write(writer, message);
                break;
            case ByteString bytes:
                writer.WriteBase64StringValue(bytes.Span);
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case long or ulong:
                writer.WriteStringValue(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case uint number:
                writer.WriteNumberValue(number);
                break;
            case Enum:
                WriteEnum(writer, field.EnumType, (int)value);
                break;
            default:
                throw new NotSupportedException($"No message of etcd has a field like {field.FullName}.");
        }
    }

    private static void WriteEnum(Utf8JsonWriter writer, EnumDescriptor type, int number)
    {
        if (type.FindValueByNumber(number) is { } known)
        {
            writer.WriteStringValue(known.Name);
        }
        else
        {
            writer.WriteNumberValue(number);
        }
    }

    private static bool IsDefault(object value) => value switch
    {
        ByteString bytes => bytes.IsEmpty,
        string text => text.Length == 0,
        bool flag => !flag,
        long number => number == 0,
        ulong number => number == 0,
        int number => number == 0,
        uint number => number == 0,
        Enum => (int)value == 0,
        _ => false,
    };
}
