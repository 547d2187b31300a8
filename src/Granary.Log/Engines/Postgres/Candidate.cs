namespace Granary.Log.Engines.Postgres;

/// <summary>A process that may lead, as the others find it in the row of leadership.</summary>
/// <param name="MemberId">Its id in the cluster.</param>
/// <param name="Silo">The address of its silo, in Orleans' notation.</param>
/// <param name="Holder">Who it is, for people.</param>
public sealed record Candidate(ulong MemberId, string Silo, string Holder);
