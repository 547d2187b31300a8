using System.Buffers.Binary;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Reads a part of a spool from front to back.</summary>
internal sealed class SpoolReader(Spool spool, long start, long end, int bufferBytes)
{
    private readonly byte[] _buffer = new byte[bufferBytes];
    private long _next = start;
    private int _at;
    private int _filled;

    public bool IsAtEnd => _at == _filled && _next == end;

    public long ReadInt64()
    {
        if (_filled - _at >= sizeof(long))
        {
            _at += sizeof(long);
            return BinaryPrimitives.ReadInt64LittleEndian(_buffer.AsSpan(_at - sizeof(long)));
        }

        Span<byte> bytes = stackalloc byte[sizeof(long)];
        Read(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    public int ReadInt32()
    {
        if (_filled - _at >= sizeof(int))
        {
            _at += sizeof(int);
            return BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(_at - sizeof(int)));
        }

        Span<byte> bytes = stackalloc byte[sizeof(int)];
        Read(bytes);
        return BinaryPrimitives.ReadInt32LittleEndian(bytes);
    }

    public void Read(Span<byte> target)
    {
        while (true)
        {
            var part = Math.Min(target.Length, _filled - _at);
            _buffer.AsSpan(_at, part).CopyTo(target);
            _at += part;
            target = target[part..];
            if (target.IsEmpty)
            {
                return;
            }

            _filled = (int)Math.Min(_buffer.Length, end - _next);
            _at = 0;
            if (_filled == 0)
            {
                throw new EndOfStreamException("a spool ends in the middle of a record");
            }

            spool.Read(_buffer.AsSpan(0, _filled), _next);
            _next += _filled;
        }
    }
}
