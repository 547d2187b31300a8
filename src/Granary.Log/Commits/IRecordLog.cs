using System.Buffers;
using Granary.Log.Segments;

namespace Granary.Log.Commits;

/// <summary>Keeps records in the order in which they were appended. One thread appends and flushes.</summary>
public interface IRecordLog : IDisposable
{
    /// <summary>Bytes of the largest record that is taken.</summary>
    int MaxRecordBytes { get; }

    /// <summary>Whether a record of this size would find room now.</summary>
    bool HasRoomFor(int maxBytes);

    /// <summary>Begins a record behind the last one.</summary>
    /// <exception cref="LogFullException">There is no room; nothing was staged and later records may fit again.</exception>
    IBufferWriter<byte> BeginRecord(int maxBytes);

    /// <summary>Completes the record; it is durable after the next <see cref="Flush"/>.</summary>
    /// <returns>Its index.</returns>
    long EndRecord();

    /// <summary>Makes all completed records durable.</summary>
    /// <exception cref="LogFailedException">Final: they may or may not be durable, and nothing can be appended any more.</exception>
    void Flush();

    /// <summary>Says that records up to this index will never be read again. Any thread may call it.</summary>
    void Recycle(long throughIndex);

    /// <summary>Ends the log in order.</summary>
    void Close();
}
