namespace Granary.Mvcc.Evaluation;

/// <summary>A lease comes or goes.</summary>
/// <param name="Id">The lease.</param>
/// <param name="TtlSeconds">The time to live that it was granted; 0 when it is gone.</param>
public readonly record struct LeaseChange(long Id, long TtlSeconds);
