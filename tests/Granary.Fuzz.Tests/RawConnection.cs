using System.Net;
using System.Net.Sockets;

namespace Granary.Fuzz.Tests;

/// <summary>A connection over which anything is sent, and which may be closed at any time.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    private RawConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
    }

    public static async Task<RawConnection> Connect(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(endpoint, cancellationToken);
            return new RawConnection(client);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends this, unless the server has closed the connection, and says that nothing more will come.</summary>
    public async Task SendAll(byte[] bytes, CancellationToken cancellationToken)
    {
        try
        {
            await _stream.WriteAsync(bytes, cancellationToken);
            _client.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // It was enough for the server.
        }
    }

    /// <summary>Sends until the server has closed the connection, or until told.</summary>
    /// <param name="beginning">What comes first.</param>
    /// <param name="next">What comes then, over and over.</param>
    /// <param name="ending">Tells.</param>
    /// <returns>How often something was sent.</returns>
    public async Task<long> Flood(byte[] beginning, Func<byte[]> next, CancellationToken ending)
    {
        var sent = 0L;
        try
        {
            await _stream.WriteAsync(beginning, ending);
            while (!ending.IsCancellationRequested)
            {
                await _stream.WriteAsync(next(), ending);
                sent++;
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The server has had enough, or the test.
        }

        return sent;
    }

    /// <summary>Reads all that comes until the connection ends; returns how many bytes that were.</summary>
    public async Task<long> ReadToEnd(CancellationToken cancellationToken)
    {
        var buffer = new byte[16 << 10];
        var total = 0L;
        try
        {
            int read;
            while ((read = await _stream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                total += read;
            }
        }
        catch (IOException)
        {
            // Ended by a reset.
        }

        return total;
    }

    public void Dispose() => _client.Dispose();
}
