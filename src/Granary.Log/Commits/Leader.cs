namespace Granary.Log.Commits;

/// <summary>Who leads in one term, as far as this process knows.</summary>
/// <param name="Term">The term; 0 when nobody has led yet.</param>
/// <param name="MemberId">The leader's id in the cluster.</param>
/// <param name="Silo">The address of its silo, in Orleans' notation; empty when it is this one.</param>
/// <param name="IsOwn">Whether this process leads.</param>
/// <param name="Over">Cancelled when this process knows that the term is over.</param>
public sealed record Leader(long Term, ulong MemberId, string Silo, bool IsOwn, CancellationToken Over);
