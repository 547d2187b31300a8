using System.Buffers;

namespace Granary.Log.Engines.Memory;

/// <summary>Keeps nothing: for a replica in memory, which is gone with the process as well.</summary>
public sealed class MemoryRecordLog : IRecordLog
{
    private readonly ArrayBufferWriter<byte> _forgotten = new();
    private long _lastIndex;

    public int MaxRecordBytes => int.MaxValue;

    public bool HasRoomFor(int maxBytes) => true;

    public IBufferWriter<byte> BeginRecord(int maxBytes)
    {
        _forgotten.ResetWrittenCount();
        return _forgotten;
    }

    public long EndRecord() => ++_lastIndex;

    public void Flush()
    {
        // Durable as far as memory is.
    }

    public void Recycle(long throughIndex)
    {
        // Nothing is kept.
    }

    public void Close()
    {
        // Nothing is open.
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
