using System.Buffers;

namespace Granary.Log.Engines;

/// <summary>Keeps records in the order in which they were appended. One thread appends and flushes.</summary>
public interface IRecordLog : IDisposable
{
    /// <summary>Bytes of the largest record that is taken.</summary>
    int MaxRecordBytes { get; }

    /// <summary>Cancelled when another process may append: this one is of no use any more.</summary>
    CancellationToken Lost => CancellationToken.None;

    /// <summary>Whether no other process can append at this moment.</summary>
    bool IsLeading => true;

    /// <summary>
    /// Returns once it is proved that this process alone appended until after the call began: what it then reads of its own state is no older
    /// than any answer that was given before.
    /// </summary>
    /// <exception cref="Mvcc.Errors.EtcdException">Another process appends, or nobody knows in time.</exception>
    ValueTask Prove(CancellationToken cancellationToken) => default;

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

    /// <summary>Says that what was flushed can be seen in this process: from now on others may show it too.</summary>
    void Shown()
    {
    }

    /// <summary>Says that records up to this index will never be read again. Any thread may call it.</summary>
    void Recycle(long throughIndex);

    /// <summary>Ends the log in order.</summary>
    void Close();
}
