namespace Granary.Storage.Snapshots.Ordering;

/// <summary>A part of all pairs, sorted by revision: where its records and the index of them are.</summary>
internal readonly record struct SortedRun(Spool Data, long DataStart, long DataEnd, Spool Index, long IndexStart, long Count);
