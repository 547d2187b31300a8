using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Server.Gateway;

/// <summary>Messages as gRPC has them in a body: a byte for compression, which is not used here, the length, the message.</summary>
internal static class GrpcFrames
{
    private const int HeaderBytes = 5;

    public static void Write(IBufferWriter<byte> target, IMessage message)
    {
        var size = message.CalculateSize();
        var header = target.GetSpan(HeaderBytes);
        header[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], size);
        target.Advance(HeaderBytes);
        message.WriteTo(target);
    }

    /// <summary>Takes the first message out of a buffer, if it is there as a whole.</summary>
    public static IMessage? Read(ref ReadOnlySequence<byte> buffer, MessageDescriptor descriptor)
    {
        if (buffer.Length < HeaderBytes)
        {
            return null;
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(header);
        var size = BinaryPrimitives.ReadInt32BigEndian(header[1..]);
        if (buffer.Length < HeaderBytes + size)
        {
            return null;
        }

        var message = descriptor.Parser.ParseFrom(buffer.Slice(HeaderBytes, size));
        buffer = buffer.Slice(HeaderBytes + size);
        return message;
    }
}
