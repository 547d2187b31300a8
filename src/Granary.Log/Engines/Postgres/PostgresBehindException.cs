namespace Granary.Log.Engines.Postgres;

/// <summary>The records that a replica needs next are kept no more: it has to begin from the base snapshot.</summary>
public sealed class PostgresBehindException(long appliedIndex, long snapshotIndex)
    : Exception($"The log does not go back to record {appliedIndex}, which this replica is at; the newest base snapshot is at record {snapshotIndex}.");
