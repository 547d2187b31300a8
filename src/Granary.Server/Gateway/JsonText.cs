using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Granary.Server.Gateway;

/// <summary>Writes JSON as etcd's gateway does, to the byte: without blanks, and with the escapes that Go chooses.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    // What Go escapes in every string, and what it escapes besides where it puts a value into another one: in the lines of a stream.
    private static readonly SearchValues<char> Always = SearchValues.Create($"\"\\{Controls}");
    private static readonly SearchValues<char> InStreams = SearchValues.Create($"\"\\<>&\u2028\u2029{Controls}");

    private static string Controls => string.Concat(Enumerable.Range(0, ' ').Select(static code => (char)code));

    public static Utf8JsonWriter To(IBufferWriter<byte> target) => new(target, Options);

    /// <summary>Writes a string as value.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="text">The string.</param>
    /// <param name="isInStream">Whether it stands in a line of a stream.</param>
    public static void WriteText(this Utf8JsonWriter writer, string text, bool isInStream)
    {
        var escaped = isInStream ? InStreams : Always;
        var rest = text.AsSpan();

        // Never through the writer's own escapes: they know more characters.
        var written = new StringBuilder(text.Length + 16).Append('"');
        while (rest.IndexOfAny(escaped) is >= 0 and var at)
        {
            written.Append(rest[..at]);
            _ = rest[at] switch
            {
                '"' or '\\' => written.Append('\\').Append(rest[at]),
                '\b' => written.Append("\\b"),
                '\f' => written.Append("\\f"),
                '\n' => written.Append("\\n"),
                '\r' => written.Append("\\r"),
                '\t' => written.Append("\\t"),
                var other => written.Append("\\u").Append(((int)other).ToString("x4", CultureInfo.InvariantCulture)),
            };
            rest = rest[(at + 1)..];
        }

        writer.WriteRawValue(written.Append(rest).Append('"').ToString(), skipInputValidation: true);
    }
}
