using Granary.Log.Commits;

namespace Granary.Log.Engines.Postgres;

/// <summary>The way of records from the leader to those who follow, past the database.</summary>
public interface IReplication
{
    /// <summary>The last record that this process has applied.</summary>
    long AppliedIndex { get; }

    /// <summary>
    /// The leader's newest records behind one: it waits a while for the first. Null when they are not in memory any more, or this process leads
    /// no more.
    /// </summary>
    ValueTask<byte[][]?> Read(long term, long after, CancellationToken cancellationToken);

    /// <summary>Takes what a leader has answered, null included; false when it is of no use.</summary>
    bool Take(Leader leader, long first, byte[][]? records);
}
