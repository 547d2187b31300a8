using System.Buffers;
using System.Buffers.Binary;

namespace Granary.Storage.Replicas;

/// <summary>A growing buffer with the few encodings that keys, pairs and log records are made of. Reused: <see cref="Clear"/> keeps its memory.</summary>
public sealed class ByteWriter : IBufferWriter<byte>
{
    private byte[] _buffer = new byte[512];
    private int _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public void Clear() => _length = 0;

    public void Byte(byte value) => Take(1)[0] = value;

    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    public void Int32BigEndian(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(4), value);

    public void Int64BigEndian(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);

    /// <summary>Seven bits a byte, the low ones first; 1 to 10 bytes.</summary>
    public void Varint(long value)
    {
        var rest = (ulong)value;
        var target = GetSpan(10);
        var length = 0;
        while (rest >= 0x80)
        {
            target[length++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        target[length++] = (byte)rest;
        _length += length;
    }

    public void LengthAndBytes(ReadOnlySpan<byte> value)
    {
        Varint(value.Length);
        Bytes(value);
    }

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_length);
    }

    private Span<byte> Take(int count)
    {
        Reserve(count);
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }

    private void Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }
    }
}
