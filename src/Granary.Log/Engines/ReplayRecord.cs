namespace Granary.Log.Engines;

/// <summary>Receives a record while the log is opened. The span is valid during the call only.</summary>
public delegate void ReplayRecord(long index, ReadOnlySpan<byte> payload);
