using System.Buffers;
using System.Net;
using Google.Protobuf;

namespace Granary.Client.Connections;

/// <summary>One message as the body of a gRPC call.</summary>
internal sealed class UnaryContent : HttpContent
{
    private readonly IMessage _message;
    private readonly int _length;

    public UnaryContent(IMessage message)
    {
        (_message, _length) = (message, message.CalculateSize());
        Headers.TryAddWithoutValidation("content-type", "application/grpc");
    }

    protected override bool TryComputeLength(out long length)
    {
        length = UnaryFrame.HeadBytes + (long)_length;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var bytes = UnaryFrame.HeadBytes + _length;
        var buffer = ArrayPool<byte>.Shared.Rent(bytes);
        UnaryFrame.WriteHead(buffer, _length);
        _message.WriteTo(buffer.AsSpan(UnaryFrame.HeadBytes, _length));
        await stream.WriteAsync(buffer.AsMemory(0, bytes), cancellationToken).ConfigureAwait(false);

        // Not if that was broken off: somebody may have it yet.
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
