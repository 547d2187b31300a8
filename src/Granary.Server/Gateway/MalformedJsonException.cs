using System.Text;

namespace Granary.Server.Gateway;

/// <summary>A body that is no request. The message is what the client is told.</summary>
internal sealed class MalformedJsonException(string message) : Exception(message)
{
    /// <summary>With the place, as lines and characters from 1.</summary>
    public static MalformedJsonException At(ReadOnlySpan<byte> json, long offset, string what, string kind = "")
    {
        var before = json[..(int)Math.Min(offset, json.Length)];
        var line = before.Count((byte)'\n') + 1;
        var column = Encoding.UTF8.GetString(before[(before.LastIndexOf((byte)'\n') + 1)..]).EnumerateRunes().Count() + 1;
        return new MalformedJsonException($"proto: {kind}(line {line}:{column}): {what}");
    }
}
