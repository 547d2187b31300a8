namespace Granary.Log.Commits;

/// <summary>Keeps records in the order in which they were appended. One thread appends and flushes.</summary>
public interface IRecordLog : IDisposable
{
    /// <summary>Index of the last record that is durable.</summary>
    long LastIndex { get; }

    /// <summary>Stages a record behind the last one.</summary>
    /// <returns>Its index.</returns>
    /// <exception cref="LogFullException">There is no room; nothing was staged and later records may fit again.</exception>
    long Append(ReadOnlySpan<byte> record);

    /// <summary>Makes all staged records durable.</summary>
    /// <exception cref="LogFailedException">Final: what was staged may or may not be durable, and nothing can be appended any more.</exception>
    void Flush();

    /// <summary>Says that records up to this index will never be read again. Any thread may call it.</summary>
    void Recycle(long throughIndex);

    /// <summary>Ends the log in order.</summary>
    void Close();
}
