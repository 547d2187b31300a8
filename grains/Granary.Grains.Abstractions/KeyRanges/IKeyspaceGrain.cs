using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Coordinates what concerns several ranges, or all: one of a term. Its key is the term. Throws as <see cref="IKeyRangeGrain"/> does.
/// </summary>
[Alias("Granary.IKeyspaceGrain")]
public interface IKeyspaceGrain : IGrainWithStringKey
{
    [Alias("DeleteRange")]
    ValueTask<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    [Alias("Txn")]
    ValueTask<TxnResponse> Txn(TxnRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Ends a lease and deletes its keys at one revision, whichever ranges they are in.</summary>
    [Alias("Revoke")]
    ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    [Alias("Compact")]
    ValueTask<CompactionResponse> Compact(CompactionRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);
}
