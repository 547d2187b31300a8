using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.Leases;

/// <summary>
/// Owns the times to live of the leases of one slot for one term of leadership. Its key is <see cref="LeaseGrainKey"/>.
/// Every method throws <see cref="Mvcc.Errors.EtcdException"/>.
/// </summary>
[Alias("Granary.ILeaseGrain")]
public interface ILeaseGrain : IGrainWithStringKey
{
    /// <summary>Activates the grain, so that leases run out even if nobody ever asks for one.</summary>
    [Alias("Start")]
    ValueTask Start();

    /// <summary>Grants the lease of the request's id, which is not 0, with its time to live in seconds, or the shortest there is.</summary>
    [Alias("Grant")]
    ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>Ends a lease and deletes its keys, all at one revision.</summary>
    [Alias("Revoke")]
    ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>
    /// Renews leases. If one has expired, the answer waits until it is revoked: it is never renewed.
    /// </summary>
    [Alias("KeepAlive")]
    ValueTask<LeaseRenewals> KeepAlive([Immutable] long[] ids, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>What is left of a lease, in whole seconds, and if wanted its keys; -1 when there is no such lease.</summary>
    [Alias("TimeToLive")]
    ValueTask<LeaseTimeToLiveResponse> TimeToLive(LeaseTimeToLiveRequest request, [Immutable] Caller caller, CancellationToken cancellationToken);

    /// <summary>All leases of the slot with what is left of each.</summary>
    [Alias("Leases")]
    ValueTask<IReadOnlyList<LeaseRemaining>> Leases([Immutable] Caller caller, CancellationToken cancellationToken);
}
