using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Server.Gateway;

/// <summary>
/// Writes messages as etcd's gateway does: the names of the .proto files, 64-bit numbers as strings, what has its default left out. Google.Protobuf's
/// own writer puts in blanks, and has other escapes.
/// </summary>
internal static class JsonMessageWriter
{
    /// <param name="message">The message.</param>
    /// <param name="isInStream">Whether it goes into a line of a stream.</param>
    public static ReadOnlyMemory<byte> Write(IMessage message, bool isInStream = false)
    {
        var buffer = new ArrayBufferWriter<byte>(Math.Max(256, message.CalculateSize() * 2));
        using (var writer = JsonText.To(buffer))
        {
            WriteMessage(writer, message, isInStream);
        }

        return buffer.WrittenMemory;
    }

    private static void WriteMessage(Utf8JsonWriter writer, IMessage message, bool isInStream)
    {
        writer.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            var value = field.Accessor.GetValue(message);
            if (!IsSet(field, message, value))
            {
                continue;
            }

            writer.WritePropertyName(field.Name);
            if (!field.IsRepeated)
            {
                WriteValue(writer, field, value, isInStream);
                continue;
            }

            writer.WriteStartArray();
            foreach (var item in (IEnumerable)value)
            {
                WriteValue(writer, field, item, isInStream);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static bool IsSet(FieldDescriptor field, IMessage message, object value) =>
        field.HasPresence ? field.Accessor.HasValue(message) : value switch
        {
            ICollection list => list.Count > 0,
            string text => text.Length > 0,
            ByteString bytes => !bytes.IsEmpty,
            bool flag => flag,
            long number => number != 0,
            ulong number => number != 0,
            int number => number != 0,
            uint number => number != 0,
            Enum number => Number(number) != 0,
            _ => throw Unexpected(field),
        };

    private static void WriteValue(Utf8JsonWriter writer, FieldDescriptor field, object value, bool isInStream)
    {
        switch (value)
        {
            case IMessage message:
                WriteMessage(writer, message, isInStream);
                break;
            case string text:
                writer.WriteText(text, isInStream);
                break;
            case ByteString bytes:
                writer.WriteBase64StringValue(bytes.Span);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case long number:
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case ulong number:
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case uint number:
                writer.WriteNumberValue(number);
                break;
            case Enum number when field.EnumType.FindValueByNumber(Number(number)) is { } named:
                writer.WriteStringValue(named.Name);
                break;
            case Enum number:
                writer.WriteNumberValue(Number(number));
                break;
            default:
                throw Unexpected(field);
        }
    }

    // The enums of generated messages are ints.
    private static int Number(Enum value) => (int)(object)value;

    private static NotSupportedException Unexpected(FieldDescriptor field) => new($"{field.FullName} has a type that no message has had so far");
}
