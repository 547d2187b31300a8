using System.Buffers;

namespace Granary.Storage.Snapshots;

/// <summary>Pages that were written and not taken yet.</summary>
internal sealed class PageBuffer : IBufferWriter<byte>
{
    private byte[] _bytes = [];

    public int Length { get; private set; }

    /// <summary>Hands over what was written and goes on with the memory that it is given.</summary>
    public int Exchange(ref byte[] buffer)
    {
        (_bytes, buffer) = (buffer, _bytes);
        var length = Length;
        Length = 0;
        return length;
    }

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    private void Reserve(int count)
    {
        if (_bytes.Length - Length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }
    }
}
