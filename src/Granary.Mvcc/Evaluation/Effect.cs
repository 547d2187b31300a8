using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>One change of one key. Its place in its commit's list is its sub-revision.</summary>
/// <param name="IsDelete">Whether the key goes away.</param>
/// <param name="Pair">The new pair; of a delete only <c>key</c> and <c>mod_revision</c> are set.</param>
/// <param name="PreviousModRevision">The mod revision of the pair that this change supersedes, or 0 if there is none.</param>
/// <param name="Previous">That pair with its value, or null when there is none or when it was not at hand.</param>
public readonly record struct Effect(bool IsDelete, KeyValue Pair, long PreviousModRevision, KeyValue? Previous);
