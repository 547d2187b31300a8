using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>How gRPC frames a message: a byte that says whether it is compressed, four for its length, the message.</summary>
internal static class UnaryFrame
{
    public const int HeadBytes = 5;

    // More than most answers have.
    private const int FirstRead = 1024;
    private const int Growth = 8;

    public static void WriteHead(Span<byte> target, int length)
    {
        target[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(target[1..], (uint)length);
    }

    /// <summary>Reads a body to its end, which holds one message, or none.</summary>
    /// <exception cref="RpcException">It is something else.</exception>
    public static async ValueTask<TMessage?> Read<TMessage>(Stream body, MessageParser<TMessage> parser, CancellationToken cancellationToken)
        where TMessage : class, IMessage<TMessage>
    {
        // Nothing is held while there is nothing to read.
        await body.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        var buffer = ArrayPool<byte>.Shared.Rent(FirstRead);
        var filled = 0;
        int read;
        do
        {
            if (filled == buffer.Length)
            {
                buffer = Grown(buffer);
            }

            read = await body.ReadAsync(buffer.AsMemory(filled), cancellationToken).ConfigureAwait(false);
            filled += read;
        }
        while (read > 0);

        var message = filled == 0 ? null : Parse(buffer.AsSpan(0, filled), parser);
        ArrayPool<byte>.Shared.Return(buffer);
        return message;
    }

    private static TMessage Parse<TMessage>(ReadOnlySpan<byte> bytes, MessageParser<TMessage> parser)
        where TMessage : class, IMessage<TMessage>
    {
        if (bytes.Length < HeadBytes || Wanted(bytes) != bytes.Length)
        {
            throw Unreadable("its body is not one message");
        }

        if (bytes[0] != 0)
        {
            throw Unreadable("it is compressed, which was not asked for");
        }

        try
        {
            return parser.ParseFrom(bytes[HeadBytes..]);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw Unreadable(exception.Message);
        }
    }

    private static int Wanted(ReadOnlySpan<byte> bytes) =>
        (int)Math.Min(Array.MaxLength, HeadBytes + (long)BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]));

    // With room for one byte more than the message, so that its end is seen; but not at once for all that a length may say.
    private static byte[] Grown(byte[] buffer)
    {
        var wanted = Wanted(buffer) + 1L;
        if (wanted <= buffer.Length || buffer.Length == Array.MaxLength)
        {
            throw Unreadable("its body is not one message");
        }

        var grown = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Min(wanted, Array.MaxLength), buffer.Length * (long)Growth));
        buffer.CopyTo(grown, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return grown;
    }

    private static RpcException Unreadable(string why) => new(new Status(StatusCode.Internal, $"The answer cannot be read: {why}."));
}
