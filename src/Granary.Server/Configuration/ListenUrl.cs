using System.Globalization;
using System.Net;

namespace Granary.Server.Configuration;

/// <summary>One place to listen at: an address and a port, or the path of a socket file.</summary>
internal sealed record ListenUrl(string Text, IPEndPoint? EndPoint, string? SocketPath)
{
    public static readonly ListenUrl Default = Parse("http://localhost:2379");

    /// <exception cref="FormatException">It is no URL to listen at.</exception>
    public static ListenUrl Parse(string text)
    {
        if (text.StartsWith("unix://", StringComparison.Ordinal) && text.Length > "unix://".Length)
        {
            return new ListenUrl(text, null, text["unix://".Length..]);
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.AbsolutePath != "/")
        {
            throw new FormatException($"\"{text}\" is not of the form http://ADDRESS:PORT or unix://PATH");
        }

        if (url.Scheme == "https")
        {
            throw new FormatException($"\"{text}\" asks for TLS, which this version does not have; use http://");
        }

        if (url.IsDefaultPort && !text.EndsWith(":80", StringComparison.Ordinal) && !text.EndsWith(":80/", StringComparison.Ordinal))
        {
            throw new FormatException($"\"{text}\" has no port");
        }

        var address = url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
            : IPAddress.TryParse(url.Host, out var parsed) ? parsed
            : throw new FormatException($"\"{text}\": the host must be an IP address or localhost");
        return new ListenUrl(text, new IPEndPoint(address, url.Port), null);
    }

    public override string ToString() => Text.ToString(CultureInfo.InvariantCulture);
}
