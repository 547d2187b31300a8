using System.Buffers.Binary;
using System.Text;

namespace Granary.Fuzz.Tests;

/// <summary>Frames of HTTP/2, allowed or not.</summary>
internal static class Http2Frames
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

    /// <summary>How a connection begins.</summary>
    /// <param name="window">How much the server may send on a stream.</param>
    public static byte[] Beginning(int window)
    {
        var settings = new byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(settings, InitialWindow);
        BinaryPrimitives.WriteInt32BigEndian(settings.AsSpan(2), window);
        return [.. Preface, .. Frame(Settings, 0, 0, settings)];
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
