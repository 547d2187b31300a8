using System.Net;
using System.Net.Sockets;

namespace Granary.Testing;

/// <summary>Hands out loopback ports that nobody listens on, each once.</summary>
public static class LoopbackPorts
{
    // Below the range from which the kernel takes ports for outgoing connections: a server that is down for a restart
    // would otherwise find its port taken by some client.
    private const int First = 20_000;
    private const int Last = 32_000;

    private static readonly HashSet<int> Given = [];

    public static int Take()
    {
        lock (Given)
        {
            while (true)
            {
                var port = Random.Shared.Next(First, Last);
                if (IsFree(port) && Given.Add(port))
                {
                    return port;
                }
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
