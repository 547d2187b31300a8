using System.Buffers;
using System.Text;
using Google.Protobuf;

namespace Granary.Server.Gateway;

/// <summary>Writes messages as etcd's gateway does: the names of the .proto files, 64-bit numbers as strings, what has its default left out.</summary>
internal static class JsonMessageWriter
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    public static ReadOnlyMemory<byte> Write(IMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>(Math.Max(256, message.CalculateSize() * 2));
        using (var writer = new StreamWriter(new BufferStream(buffer), Utf8, bufferSize: 4096))
        {
            Formatter.Format(message, writer);
        }

        return buffer.WrittenMemory;
    }

    /// <summary>Lets a text writer fill a buffer.</summary>
    private sealed class BufferStream(ArrayBufferWriter<byte> buffer) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => buffer.WrittenCount;

        public override long Position
        {
            get => buffer.WrittenCount;
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] target, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] source, int offset, int count) => buffer.Write(source.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> source) => buffer.Write(source);
    }
}
