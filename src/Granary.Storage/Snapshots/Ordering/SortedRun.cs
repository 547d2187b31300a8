namespace Granary.Storage.Snapshots.Ordering;

/// <summary>A part of all pairs, sorted by revision: where its records and the index of them begin.</summary>
internal readonly record struct SortedRun(long DataStart, long DataEnd, long IndexStart, long Count);
