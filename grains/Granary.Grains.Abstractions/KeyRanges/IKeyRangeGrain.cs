using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Owns the writes of one range of the keyspace for one term of leadership. Its key is <see cref="KeyRangeGrainKey"/>.
/// Every method throws <see cref="Mvcc.Errors.EtcdException"/>; a cancelled call that was not evaluated yet is never written.
/// </summary>
[Alias("Granary.IKeyRangeGrain")]
public interface IKeyRangeGrain : IGrainWithStringKey
{
    [Alias("Put")]
    ValueTask<PutResponse> Put(PutRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Deletes the keys of a range.</summary>
    /// <param name="request">Checked before.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="share">Of an answer that may be large, if the caller is on this silo.</param>
    /// <param name="cancellationToken">Of the call.</param>
    /// <returns>Null, and nothing is written, if there is no room for the answer: the caller takes its share and calls again.</returns>
    [Alias("DeleteRange")]
    ValueTask<DeleteRangeResponse?> DeleteRange(DeleteRangeRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <summary>Makes a transaction.</summary>
    /// <inheritdoc cref="DeleteRange"/>
    [Alias("Txn")]
    ValueTask<TxnResponse?> Txn(TxnRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <summary>Writes a lease. Any range can: the log knows if another one was first.</summary>
    [Alias("Grant")]
    ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Ends a lease and deletes its keys at one revision. Only where the range is the only one.</summary>
    [Alias("Revoke")]
    ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Stops the range between two batches, for one who writes to several ranges. Returns once nothing is in flight.</summary>
    /// <param name="latch">Names the holder; it was opened in the latch table of this term.</param>
    /// <param name="cancellationToken">Leaves the queue for the latch.</param>
    [Alias("Latch")]
    ValueTask Latch(Guid latch, CancellationToken cancellationToken);

    /// <summary>Lets the range go on. A latch that is not held is no error: it may have expired.</summary>
    [Alias("Release")]
    ValueTask Release(Guid latch);
}
