using System.Buffers;
using Granary.Log.Engines;
using Granary.Log.Engines.Memory;
using Granary.Storage.Replicas;

namespace Granary.Log.Tests.Commits;

/// <summary>Keeps nothing, and notes what was durable and what others were allowed to show, with what the replica showed then.</summary>
internal sealed class ShownRecords(Replica replica) : IRecordLog
{
    private readonly MemoryRecordLog _records = new();
    private long _last;
    private long _durable;
    private long _shown;

    public long Durable => Volatile.Read(ref _durable);

    public long ShownIndex => Volatile.Read(ref _shown);

    /// <summary>Whether others were ever allowed to show what could not be seen here.</summary>
    public bool WasAhead { get; private set; }

    public int MaxRecordBytes => _records.MaxRecordBytes;

    public bool HasRoomFor(int maxBytes) => true;

    public IBufferWriter<byte> BeginRecord(int maxBytes) => _records.BeginRecord(maxBytes);

    public long EndRecord() => _last = _records.EndRecord();

    public void Flush() => Volatile.Write(ref _durable, _last);

    public void Shown()
    {
        WasAhead |= replica.State.AppliedIndex < _durable;
        Volatile.Write(ref _shown, _durable);
    }

    public void Recycle(long throughIndex) => _records.Recycle(throughIndex);

    public void Close() => _records.Close();

    public void Dispose() => _records.Dispose();
}
