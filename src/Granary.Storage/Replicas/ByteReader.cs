using System.Buffers.Binary;

namespace Granary.Storage.Replicas;

/// <summary>Reads what <see cref="ByteWriter"/> wrote.</summary>
/// <exception cref="InvalidDataException">From every read: the bytes end too early or hold no such value.</exception>
public ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public byte Byte() => Bytes(1)[0];

    public long Int64BigEndian() => BinaryPrimitives.ReadInt64BigEndian(Bytes(8));

    public long Varint()
    {
        ulong value = 0;
        for (int i = 0, shift = 0; shift < 64; i++, shift += 7)
        {
            if (i >= _rest.Length)
            {
                break;
            }

            value |= (ulong)(_rest[i] & 0x7f) << shift;
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return (long)value;
            }
        }

        throw new InvalidDataException("a number in stored bytes does not end");
    }

    public ReadOnlySpan<byte> LengthAndBytes()
    {
        var length = Varint();
        if (length < 0 || length > _rest.Length)
        {
            throw new InvalidDataException("stored bytes end too early");
        }

        return Bytes((int)length);
    }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count > _rest.Length)
        {
            throw new InvalidDataException("stored bytes end too early");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
