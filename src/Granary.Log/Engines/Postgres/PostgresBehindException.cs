namespace Granary.Log.Engines.Postgres;

/// <summary>The records that a replica needs next are kept no more: it has to begin from the base snapshot.</summary>
public sealed class PostgresBehindException(long appliedIndex, long snapshotIndex)
    : Exception($"The record behind {appliedIndex} is kept no more; the base snapshot is at record {snapshotIndex}.");
