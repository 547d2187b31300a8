using System.Globalization;
using System.Net;

namespace Granary.Server.Configuration;

/// <summary>One place to listen at: an address and a port, or the path of a socket file.</summary>
/// <param name="Text">As it was given.</param>
/// <param name="EndPoint">The address, unless it is a socket file.</param>
/// <param name="SocketPath">The socket file, unless it is an address.</param>
/// <param name="IsSecure">Whether TLS is spoken there.</param>
internal sealed record ListenUrl(string Text, IPEndPoint? EndPoint, string? SocketPath, bool IsSecure)
{
    public static readonly ListenUrl Default = Parse("http://localhost:2379");

    /// <exception cref="FormatException">It is no URL to listen at.</exception>
    public static ListenUrl Parse(string text)
    {
        foreach (var scheme in (string[])["unix://", "unixs://"])
        {
            if (text.StartsWith(scheme, StringComparison.Ordinal) && text.Length > scheme.Length)
            {
                return new ListenUrl(text, null, text[scheme.Length..], IsSecure: scheme == "unixs://");
            }
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.AbsolutePath != "/")
        {
            throw new FormatException($"\"{text}\" is not of the form http://ADDRESS:PORT, https://ADDRESS:PORT, unix://PATH or unixs://PATH");
        }

        if (url.IsDefaultPort && !text.TrimEnd('/').EndsWith($":{url.Port}", StringComparison.Ordinal))
        {
            throw new FormatException($"\"{text}\" has no port");
        }

        var address = url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
            : IPAddress.TryParse(url.Host, out var parsed) ? parsed
            : throw new FormatException($"\"{text}\": the host must be an IP address or localhost");
        return new ListenUrl(text, new IPEndPoint(address, url.Port), null, IsSecure: url.Scheme == "https");
    }

    public override string ToString() => Text.ToString(CultureInfo.InvariantCulture);
}
