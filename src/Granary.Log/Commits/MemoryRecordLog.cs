namespace Granary.Log.Commits;

/// <summary>Keeps nothing: for a replica in memory, which is gone with the process as well.</summary>
public sealed class MemoryRecordLog : IRecordLog
{
    public long LastIndex { get; private set; }

    public long Append(ReadOnlySpan<byte> record) => ++LastIndex;

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
