namespace Granary.Client;

/// <summary>
/// A store that speaks the etcd v3 API. What reads, and what comes to the same when it is done twice, is asked of one server after the other until one
/// answers; a write is made again only if it has surely not been done. All members may be called at once from any thread.
/// </summary>
/// <remarks>
/// Each throws <see cref="GranaryException"/> where the server refuses it or does not answer in time, and <see cref="OperationCanceledException"/> where
/// the caller gives it up.
/// </remarks>
public interface IGranaryClient : IAsyncDisposable
{
    /// <summary>The pair of a key; null if there is none.</summary>
    Task<KeyValue?> GetAsync(Bytes key, CancellationToken cancellationToken = default);

    /// <summary>The pairs of a range.</summary>
    /// <exception cref="CompactedException">The revision that was asked for is compacted.</exception>
    Task<RangeResult> RangeAsync(KeyRange range, RangeOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The pairs of a range of any size, by key, all as they are at one revision; read in pages.</summary>
    /// <param name="range">Which keys.</param>
    /// <param name="revision">The revision; 0: the newest.</param>
    /// <param name="pageSize">How many are read at once, at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="CompactedException">The revision was compacted meanwhile.</exception>
    IAsyncEnumerable<KeyValue> EnumerateAsync(KeyRange range, long revision = 0, int pageSize = 1000, CancellationToken cancellationToken = default);

    /// <summary>Puts a key.</summary>
    Task<PutResult> PutAsync(Bytes key, Bytes value, PutOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Deletes the keys of a range.</summary>
    Task<DeleteResult> DeleteAsync(KeyRange range, DeleteOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Begins a txn, which <see cref="Txn.CommitAsync(CancellationToken)"/> does.</summary>
    Txn Txn();

    /// <summary>Forgets the states before a revision.</summary>
    /// <param name="revision">The first whose state stays.</param>
    /// <param name="waitForRemoval">Whether it is over only when the space is free.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="CompactedException">It is compacted already.</exception>
    Task CompactAsync(long revision, bool waitForRemoval = false, CancellationToken cancellationToken = default);

    /// <summary>
    /// The changes of a range, each once and in order. It goes on by itself, at another server if need be, when a connection or server is lost.
    /// A revision is never told in parts.
    /// </summary>
    /// <exception cref="CompactedException">A change that is to be told is compacted: read the state anew, and watch from behind that.</exception>
    IAsyncEnumerable<WatchUpdate> WatchAsync(KeyRange range, WatchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Begins a lease, which is renewed until it is disposed of.</summary>
    /// <param name="timeToLive">How long it lives when it is not renewed; whole seconds, at least one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LeaseLostException">The answer took so long that it has ended again.</exception>
    Task<GranaryLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);

    /// <summary>Begins a lease that ends after its time, and deletes the keys that are attached to it: nobody renews it, but for <see cref="RenewLeaseAsync"/>.</summary>
    /// <param name="timeToLive">How long it lives; whole seconds, at least one. A server may give it a little more.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>By what it is known to the server.</returns>
    Task<long> GrantExpiringLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);

    /// <summary>Gives a lease its whole time again.</summary>
    /// <returns>That time; null if there is no such lease any more.</returns>
    Task<TimeSpan?> RenewLeaseAsync(long leaseId, CancellationToken cancellationToken = default);

    /// <summary>Ends a lease, and deletes the keys that are attached to it.</summary>
    /// <returns>Whether there was one. After a lost answer it may be this call itself that has ended it.</returns>
    Task<bool> RevokeLeaseAsync(long leaseId, CancellationToken cancellationToken = default);

    /// <summary>What the server knows of a lease; null if there is none.</summary>
    Task<LeaseStatus?> GetLeaseAsync(long leaseId, bool withKeys = false, CancellationToken cancellationToken = default);

    /// <summary>All leases.</summary>
    Task<IReadOnlyList<long>> ListLeasesAsync(CancellationToken cancellationToken = default);

    /// <summary>The whole store as a file that <c>etcdutl snapshot restore</c> and <c>granary snapshot restore</c> read, piece by piece.</summary>
    IAsyncEnumerable<ReadOnlyMemory<byte>> SnapshotAsync(CancellationToken cancellationToken = default);

    /// <summary>What a server says of itself.</summary>
    Task<ServerStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>What an operator does.</summary>
    IGranaryAdministration Administration { get; }
}
