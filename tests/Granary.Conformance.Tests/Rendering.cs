using System.Collections;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Conformance.Tests;

/// <summary>Messages as a reader of a failed test wants them: keys as text, long values cut, defaults left out.</summary>
internal static class Rendering
{
    private const int ShownBytes = 60;

    public static string Of(IMessage message)
    {
        var text = new StringBuilder();
        Append(text, message);
        return text.ToString();
    }

    public static string Of(ByteString bytes)
    {
        var text = new StringBuilder("\"");
        foreach (var value in bytes.Span[..Math.Min(bytes.Length, ShownBytes)])
        {
            if (value is >= 0x20 and < 0x7f)
            {
                text.Append((char)value);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
            }
        }

        text.Append('"');
        return bytes.Length > ShownBytes ? text.Append(CultureInfo.InvariantCulture, $"… {bytes.Length} bytes").ToString() : text.ToString();
    }

    private static void Append(StringBuilder text, IMessage message)
    {
        text.Append(message.Descriptor.Name).Append('{');
        var separator = "";
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            if (IsDefault(field, message))
            {
                continue;
            }

            text.Append(separator).Append(field.Name).Append('=');
            AppendValue(text, field.Accessor.GetValue(message));
            separator = " ";
        }

        text.Append('}');
    }

    public static bool IsDefault(FieldDescriptor field, IMessage message) => field.Accessor.GetValue(message) switch
    {
        null => true,
        IList list => list.Count == 0,
        _ when field.HasPresence => !field.Accessor.HasValue(message),
        ByteString bytes => bytes.IsEmpty,
        string value => value.Length == 0,
        bool value => !value,
        Enum value => Convert.ToInt32(value, CultureInfo.InvariantCulture) == 0,
        long value => value == 0,
        ulong value => value == 0,
        uint value => value == 0,
        _ => false,
    };

    private static void AppendValue(StringBuilder text, object value)
    {
        switch (value)
        {
            case IMessage message:
                Append(text, message);
                break;
            case ByteString bytes:
                text.Append(Of(bytes));
                break;
            case string plain:
                text.Append('"').Append(plain).Append('"');
                break;
            case IList list:
                text.Append('[');
                for (var i = 0; i < list.Count; i++)
                {
                    text.Append(i == 0 ? "" : ", ");
                    AppendValue(text, list[i]!);
                }

                text.Append(']');
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
        }
    }
}
