using Granary.Protos;

namespace Granary.Client.Connections;

/// <summary>
/// The calls of the API, each asked of a server that answers. Reads and what is repeatable are asked again until they are answered, everything else
/// only where it has surely not been done.
/// </summary>
/// <remarks>Each throws <see cref="GranaryException"/> where there is no answer, or an error.</remarks>
internal interface ICalls : IDisposable
{
    Task<RangeResponse> Range(RangeRequest request, CancellationToken cancellationToken);

    Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken);

    Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken);

    Task<TxnResponse> Txn(TxnRequest request, bool isRead, CancellationToken cancellationToken);

    Task<CompactionResponse> Compact(CompactionRequest request, CancellationToken cancellationToken);

    Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, CancellationToken cancellationToken);

    Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, CancellationToken cancellationToken);

    Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, CancellationToken cancellationToken);

    Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, CancellationToken cancellationToken);

    /// <summary>One renewal, for which there is so much time at most, and no more than for another call.</summary>
    Task<LeaseKeepAliveResponse> LeaseKeepAlive(LeaseKeepAliveRequest request, TimeSpan timeout, CancellationToken cancellationToken);

    Task<StatusResponse> Status(StatusRequest request, CancellationToken cancellationToken);

    /// <summary>One watch of one server, until it breaks off: it is not resumed.</summary>
    IAsyncEnumerable<WatchResponse> Watch(WatchCreateRequest request, CancellationToken cancellationToken);

    /// <summary>One snapshot of one server.</summary>
    IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken);
}
