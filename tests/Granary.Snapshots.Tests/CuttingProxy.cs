using System.Net;
using System.Net.Sockets;

namespace Granary.Snapshots.Tests;

/// <summary>Stands between a client and a server, cuts connections after so many bytes of the server's, and counts them.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ends = new();
    private readonly IPEndPoint _server;
    private readonly long _bytesPerConnection;
    private readonly Func<Task>? _whenCut;
    private readonly Task _serving;
    private int _cutsLeft;
    private long _sent;

    /// <param name="server">HOST:PORT.</param>
    /// <param name="bytesPerConnection">What a connection brings before it is cut.</param>
    /// <param name="cuts">How many connections are cut; those after them are not.</param>
    /// <param name="whenCut">Awaited after a cut, before there is another connection.</param>
    public CuttingProxy(string server, long bytesPerConnection = long.MaxValue, int cuts = 0, Func<Task>? whenCut = null)
    {
        _server = IPEndPoint.Parse(server);
        _bytesPerConnection = bytesPerConnection;
        _cutsLeft = cuts;
        _whenCut = whenCut;
        _listener.Start();
        _serving = Serve();
    }

    public string Endpoint => $"{_listener.LocalEndpoint}";

    /// <summary>Bytes of the server's that went to clients.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Cuts that are still to come.</summary>
    public int CutsLeft => _cutsLeft;

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _serving;
        _listener.Dispose();
        _ends.Dispose();
    }

    // One connection at a time: whoever is cut off connects again.
    private async Task Serve()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ends.Token);
                var isCut = _cutsLeft > 0;
                await Relay(client, isCut ? _bytesPerConnection : long.MaxValue);
                if (isCut)
                {
                    _cutsLeft--;
                    await (_whenCut?.Invoke() ?? Task.CompletedTask);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task Relay(TcpClient client, long maxBytes)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(_server, _ends.Token);
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(_ends.Token);
            var there = Copy(client.GetStream(), server.GetStream(), long.MaxValue, static _ => { }, ends);
            await Copy(server.GetStream(), client.GetStream(), maxBytes, bytes => Interlocked.Add(ref _sent, bytes), ends);
            await there;
        }
    }

    private static async Task Copy(NetworkStream from, NetworkStream to, long left, Action<int> copied, CancellationTokenSource ends)
    {
        try
        {
            var buffer = new byte[64 << 10];
            for (var read = 1; read > 0 && left > 0; left -= read)
            {
                read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), ends.Token);
                await to.WriteAsync(buffer.AsMemory(0, read), ends.Token);
                copied(read);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // One of them has left.
        }

        await ends.CancelAsync();
    }
}
