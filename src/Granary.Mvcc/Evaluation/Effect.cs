using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>One change of one key, or the deletion of very many. Each key takes one sub-revision of its commit, in the order of the list.</summary>
/// <param name="IsDelete">Whether the key goes away.</param>
/// <param name="Pair">The new pair; of a delete only <c>key</c> and <c>mod_revision</c> are set.</param>
/// <param name="PreviousModRevision">The mod revision of the pair that this change supersedes, or 0 if there is none.</param>
/// <param name="Previous">That pair with its value, or null when there is none or when it was not at hand.</param>
/// <param name="Bulk">The keys that go, if they are not named one by one; of the rest only the pair's <c>mod_revision</c> is set then.</param>
public readonly record struct Effect(bool IsDelete, KeyValue Pair, long PreviousModRevision, KeyValue? Previous, BulkDeletion? Bulk = null)
{
    /// <summary>How many keys it changes.</summary>
    public int Count => Bulk?.Count ?? 1;
}
