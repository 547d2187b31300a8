using System.Net;
using System.Net.Sockets;
using Granary.Server.Configuration;

namespace Granary.Server.Membership;

/// <summary>Where the silo of this process is reached by the others.</summary>
/// <param name="Listen">Where it listens.</param>
/// <param name="Advertised">What the others connect to.</param>
internal sealed record PeerEndpoint(IPEndPoint Listen, IPEndPoint Advertised)
{
    /// <summary>
    /// Sees to it that nobody listens there yet: Orleans would listen beside them, and the silo that was there first be taken for an earlier
    /// life of this one, and be ended.
    /// </summary>
    /// <exception cref="SettingsException">Somebody does.</exception>
    public void MustBeFree()
    {
        try
        {
            using var probe = new Socket(Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(Listen);
            probe.Listen();
        }
        catch (SocketException exception)
        {
            throw new SettingsException($"cannot listen for peers on {Listen}: {exception.Message}. Each member needs --listen-peer-urls of its own");
        }
    }

    /// <exception cref="SettingsException">The settings name no such place.</exception>
    public static PeerEndpoint Of(ServerOptions options)
    {
        var listen = options.ListenPeerUrls.Count == 1 && options.ListenPeerUrls[0].EndPoint is { } endpoint
            ? endpoint
            : throw new SettingsException("--listen-peer-urls: a silo listens at one address and port, such as http://10.0.0.1:2380");
        if (options.AdvertisedPeerUrls is not [var first, ..])
        {
            throw new SettingsException(
                $"--initial-advertise-peer-urls is needed, as --listen-peer-urls={options.ListenPeerUrls[0]} names no address at which the other members could reach this one");
        }

        var url = new Uri(first);
        try
        {
            var addresses = Dns.GetHostAddresses(url.IdnHost);
            var address = addresses.FirstOrDefault(static one => one.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
            return new PeerEndpoint(listen, new IPEndPoint(address, url.Port));
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            throw new SettingsException($"--initial-advertise-peer-urls={first}: {url.Host} has no address: {exception.Message}");
        }
    }
}
