using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Granary.Fuzz.Tests;

/// <summary>One connection of HTTP/2 that sends any frame, allowed or not.</summary>
internal sealed class Http2Client : IDisposable
{
    public const int FrameHeaderBytes = 9;

    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte ResetStream = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;

    public const byte Acknowledged = 1;
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;

    public static readonly byte[] Preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    // The setting of a stream's first window.
    private const ushort InitialWindow = 4;

    private readonly TcpClient _client;

    public Http2Client(TcpClient client)
    {
        _client = client;
        Stream = client.GetStream();
    }

    public NetworkStream Stream { get; }

    public static async Task<Http2Client> Connect(Testing.Server server, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPEndPoint.Parse(server.Endpoint), cancellationToken);
        return new Http2Client(client);
    }

    /// <summary>A connection that has begun as it should.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="window">How much the server may send on a stream.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Http2Client> Begin(Testing.Server server, int window, CancellationToken cancellationToken)
    {
        var connection = await Connect(server, cancellationToken);
        var settings = new byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(settings, InitialWindow);
        BinaryPrimitives.WriteInt32BigEndian(settings.AsSpan(2), window);
        await connection.Stream.WriteAsync((byte[])[.. Preface, .. Frame(Settings, 0, 0, settings)], cancellationToken);
        return connection;
    }

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[FrameHeaderBytes + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(FrameHeaderBytes));
        return frame;
    }

    /// <summary>The headers of a gRPC call, written out in full.</summary>
    public static byte[] CallHeaders(string path) =>
    [
        .. Header(":method", "POST"), .. Header(":scheme", "http"), .. Header(":path", path), .. Header(":authority", "x"),
        .. Header("content-type", "application/grpc"), .. Header("te", "trailers"),
    ];

    /// <summary>One header.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="kept">Whether the server is to put it into its table.</param>
    public static byte[] Header(string name, string value, bool kept = false) => [kept ? (byte)0x40 : (byte)0, .. Literal(name), .. Literal(value)];

    /// <summary>Sends this, unless the server has closed the connection, and says that nothing more will come.</summary>
    public async Task SendAll(byte[] bytes, CancellationToken cancellationToken)
    {
        try
        {
            await Stream.WriteAsync(bytes, cancellationToken);
            _client.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // It was enough for the server.
        }
    }

    /// <summary>Sends until the server has closed the connection, or until told.</summary>
    /// <returns>How often it was sent.</returns>
    public async Task<long> Flood(Func<byte[]> next, CancellationToken ending)
    {
        var sent = 0L;
        try
        {
            while (!ending.IsCancellationRequested)
            {
                await Stream.WriteAsync(next(), ending);
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
            while ((read = await Stream.ReadAsync(buffer, cancellationToken)) > 0)
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

    // A length of seven bits, or more in bytes behind it.
    private static byte[] Literal(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127)
        {
            return [(byte)bytes.Length, .. bytes];
        }

        var length = new List<byte> { 127 };
        var rest = bytes.Length - 127;
        for (; rest >= 128; rest >>= 7)
        {
            length.Add((byte)(rest | 128));
        }

        return [.. length, (byte)rest, .. bytes];
    }
}
