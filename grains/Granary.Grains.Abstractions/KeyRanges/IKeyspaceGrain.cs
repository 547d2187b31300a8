using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Coordinates what concerns several ranges, or all: one of a term. Its key is the term. Throws as <see cref="IKeyRangeGrain"/> does.
/// </summary>
[Alias("Granary.IKeyspaceGrain")]
public interface IKeyspaceGrain : IGrainWithStringKey
{
    /// <inheritdoc cref="IKeyRangeGrain.DeleteRange"/>
    [Alias("DeleteRange")]
    ValueTask<DeleteRangeResponse?> DeleteRange(DeleteRangeRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <inheritdoc cref="IKeyRangeGrain.Txn"/>
    [Alias("Txn")]
    ValueTask<TxnResponse?> Txn(TxnRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <summary>Ends a lease and deletes its keys at one revision, whichever ranges they are in.</summary>
    [Alias("Revoke")]
    ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    [Alias("Compact")]
    ValueTask<CompactionResponse> Compact(CompactionRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Puts an alarm up or down.</summary>
    /// <returns>The index of a record of the log: who has applied it knows the alarm.</returns>
    [Alias("SetAlarm")]
    ValueTask<long> SetAlarm(AlarmMember alarm, bool isUp, [Immutable] Caller caller);

    /// <summary>Changes users, roles or the switch of authentication.</summary>
    /// <param name="request">What is to be changed.</param>
    /// <param name="hash">The hash of the password in it, if there is one.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="cancellationToken">Of the call.</param>
    /// <returns>As <see cref="SetAlarm"/>.</returns>
    [Alias("ChangeAuth")]
    ValueTask<long> ChangeAuth([Immutable] AuthRequest request, ByteString hash, [Immutable] Caller caller, CancellationToken cancellationToken);
}
