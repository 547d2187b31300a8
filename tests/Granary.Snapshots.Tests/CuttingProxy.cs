using System.Net;
using System.Net.Sockets;

namespace Granary.Snapshots.Tests;

/// <summary>Stands between a client and a server, and cuts its first connection after so many bytes of the server's.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ends = new();
    private readonly IPEndPoint _server;
    private readonly long _bytesOfFirst;
    private readonly Task _serving;

    public CuttingProxy(string server, long bytesOfFirst)
    {
        _server = IPEndPoint.Parse(server);
        _bytesOfFirst = bytesOfFirst;
        _listener.Start();
        _serving = Serve();
    }

    public string Endpoint => $"{_listener.LocalEndpoint}";

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _serving;
        _listener.Dispose();
        _ends.Dispose();
    }

    private async Task Serve()
    {
        var relays = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ends.Token);
                relays.Add(Relay(client, relays.Count == 0 ? _bytesOfFirst : long.MaxValue));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(relays);
        }
    }

    private async Task Relay(TcpClient client, long maxBytes)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(_server, _ends.Token);
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(_ends.Token);
            var there = Copy(client.GetStream(), server.GetStream(), long.MaxValue, ends);
            await Copy(server.GetStream(), client.GetStream(), maxBytes, ends);
            await there;
        }
    }

    private static async Task Copy(NetworkStream from, NetworkStream to, long left, CancellationTokenSource ends)
    {
        try
        {
            var buffer = new byte[64 << 10];
            for (var read = 1; read > 0 && left > 0; left -= read)
            {
                read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), ends.Token);
                await to.WriteAsync(buffer.AsMemory(0, read), ends.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // One of them has left.
        }

        await ends.CancelAsync();
    }
}
