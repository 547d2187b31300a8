namespace Granary.Mvcc.Auth;

/// <summary>What one user may do: the permissions of all their roles together.</summary>
/// <param name="IsRoot">Whether they have the role root, and so may do anything.</param>
/// <param name="Reads">The keys that they may read.</param>
/// <param name="Writes">The keys that they may write.</param>
public sealed record UserAccess(bool IsRoot, KeyIntervals Reads, KeyIntervals Writes);
