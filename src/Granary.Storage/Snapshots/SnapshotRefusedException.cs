namespace Granary.Storage.Snapshots;

/// <summary>A snapshot cannot be used as it is; the message says why and what to do. Nothing was changed.</summary>
public sealed class SnapshotRefusedException(string message) : Exception(message);
