using System.Runtime.CompilerServices;
using Granary.Client.Connections;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client;

/// <summary>A client of servers that speak the etcd v3 API: Granary, and etcd from 3.4 on. One serves a whole process.</summary>
public sealed class GranaryClient : IGranaryClient, IDisposable
{
    internal static readonly RangeOptions RangeDefaults = new();
    internal static readonly PutOptions PutDefaults = new();
    internal static readonly DeleteOptions DeleteDefaults = new();

    private readonly ICalls _calls;
    private readonly TimeProvider _time;

    /// <summary>A client by gRPC. It connects when it is first called.</summary>
    /// <exception cref="ArgumentException">An option is missing or wrong; the message names it.</exception>
    public GranaryClient(GranaryClientOptions options)
        : this(new GrpcCalls(options ?? throw new ArgumentNullException(nameof(options)), TimeProvider.System), TimeProvider.System)
    {
    }

    /// <summary>A client by gRPC, of servers at addresses such as <c>http://localhost:2379</c>.</summary>
    /// <exception cref="ArgumentException">There is no address, or one is none.</exception>
    public GranaryClient(params string[] endpoints)
        : this(Options(endpoints))
    {
    }

    internal GranaryClient(ICalls calls, TimeProvider time) => (_calls, _time, Administration) = (calls, time, new GranaryAdministration(calls));

    /// <inheritdoc/>
    public IGranaryAdministration Administration { get; }

    /// <inheritdoc/>
    public async Task<KeyValue?> GetAsync(Bytes key, CancellationToken cancellationToken = default)
    {
        var response = await _calls.Ask(UnaryMethods.Range, RangeDefaults.Request(key), cancellationToken).ConfigureAwait(false);
        return response.Kvs.Count == 0 ? null : KeyValue.Of(response.Kvs[0]);
    }

    /// <inheritdoc/>
    public async Task<RangeResult> RangeAsync(KeyRange range, RangeOptions? options = null, CancellationToken cancellationToken = default) =>
        RangeResult.Of(await _calls.Ask(UnaryMethods.Range, (options ?? RangeDefaults).Request(range), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async IAsyncEnumerable<KeyValue> EnumerateAsync(
        KeyRange range, long revision = 0, int pageSize = 1000, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageSize);
        var options = new RangeOptions { Limit = pageSize, Revision = revision };
        for (var hasMore = true; hasMore;)
        {
            var page = await RangeAsync(range, options, cancellationToken).ConfigureAwait(false);
            foreach (var pair in page.KeyValues)
            {
                yield return pair;
            }

            hasMore = page.HasMore;
            if (hasMore)
            {
                options = options with { Revision = options.Revision == 0 ? page.Revision : options.Revision };
                range = range.Behind(page.KeyValues[^1].Key);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<PutResult> PutAsync(Bytes key, Bytes value, PutOptions? options = null, CancellationToken cancellationToken = default) =>
        PutResult.Of(await _calls.Ask(UnaryMethods.Put, (options ?? PutDefaults).Request(key, value), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<DeleteResult> DeleteAsync(KeyRange range, DeleteOptions? options = null, CancellationToken cancellationToken = default) =>
        DeleteResult.Of(await _calls.Ask(UnaryMethods.DeleteRange, (options ?? DeleteDefaults).Request(range), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public Txn Txn() => new(_calls);

    /// <inheritdoc/>
    public Task CompactAsync(long revision, bool waitForRemoval = false, CancellationToken cancellationToken = default) =>
        _calls.Ask(UnaryMethods.Compact, new CompactionRequest { Revision = revision, Physical = waitForRemoval }, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<WatchUpdate> WatchAsync(
        KeyRange range, WatchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // Each enumeration is a watch of its own.
        await foreach (var update in new Watching(_calls, range, options ?? new WatchOptions(), _time).Run(cancellationToken).ConfigureAwait(false))
        {
            yield return update;
        }
    }

    /// <inheritdoc/>
    public async Task<GranaryLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        var (id, granted, asked) = await Grant(timeToLive, cancellationToken).ConfigureAwait(false);
        return new GranaryLease(_calls, _time, id, granted, asked);
    }

    /// <inheritdoc/>
    public async Task<long> GrantExpiringLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        (await Grant(timeToLive, cancellationToken).ConfigureAwait(false)).Id;

    /// <inheritdoc/>
    public async Task<TimeSpan?> RenewLeaseAsync(long leaseId, CancellationToken cancellationToken = default)
    {
        var renewed = await _calls.Ask(UnaryMethods.LeaseKeepAlive, new LeaseKeepAliveRequest { ID = leaseId }, cancellationToken).ConfigureAwait(false);
        return renewed.TTL > 0 ? TimeSpan.FromSeconds(renewed.TTL) : null;
    }

    /// <inheritdoc/>
    public async Task<bool> RevokeLeaseAsync(long leaseId, CancellationToken cancellationToken = default)
    {
        try
        {
            await _calls.Ask(UnaryMethods.LeaseRevoke, new LeaseRevokeRequest { ID = leaseId }, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (GranaryException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async Task<LeaseStatus?> GetLeaseAsync(long leaseId, bool withKeys = false, CancellationToken cancellationToken = default)
    {
        var response = await _calls.Ask(UnaryMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = leaseId, Keys = withKeys }, cancellationToken).ConfigureAwait(false);
        return response.TTL < 0
            ? null
            : new LeaseStatus(leaseId, TimeSpan.FromSeconds(response.TTL), TimeSpan.FromSeconds(response.GrantedTTL), [.. response.Keys.Select(Bytes.Of)]);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<long>> ListLeasesAsync(CancellationToken cancellationToken = default) =>
        [.. (await _calls.Ask(UnaryMethods.LeaseLeases, new LeaseLeasesRequest(), cancellationToken).ConfigureAwait(false)).Leases.Select(static lease => lease.ID)];

    /// <inheritdoc/>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> SnapshotAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var piece in _calls.Snapshot(new SnapshotRequest(), cancellationToken).ConfigureAwait(false))
        {
            yield return piece.Blob.Memory;
        }
    }

    /// <inheritdoc/>
    public async Task<ServerStatus> GetStatusAsync(CancellationToken cancellationToken = default) =>
        ServerStatus.Of(await _calls.Ask(UnaryMethods.Status, new StatusRequest(), cancellationToken).ConfigureAwait(false));

    /// <summary>Closes the connections. What is under way ends with an error.</summary>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the connections. What is under way ends with an error.</summary>
    public void Dispose() => _calls.Dispose();

    private async Task<(long Id, TimeSpan Granted, long Asked)> Grant(TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeToLive, TimeSpan.Zero);

        // The id is ours, so that a grant whose answer is lost can be asked for again.
        var request = new LeaseGrantRequest { ID = Random.Shared.NextInt64(1, long.MaxValue), TTL = (long)Math.Ceiling(timeToLive.TotalSeconds) };
        var asked = _time.GetTimestamp();
        try
        {
            var granted = await _calls.Ask(UnaryMethods.LeaseGrant, request, cancellationToken).ConfigureAwait(false);
            return (request.ID, TimeSpan.FromSeconds(granted.TTL), asked);
        }
        catch (GranaryException exception) when (exception is { StatusCode: StatusCode.FailedPrecondition, Message: "etcdserver: lease already exists" })
        {
            asked = _time.GetTimestamp();
            var granted = await RenewLeaseAsync(request.ID, cancellationToken).ConfigureAwait(false) ?? throw new LeaseLostException(request.ID);
            return (request.ID, granted, asked);
        }
    }

    private static GranaryClientOptions Options(string[] endpoints)
    {
        var options = new GranaryClientOptions();
        foreach (var endpoint in endpoints)
        {
            options.Endpoints.Add(endpoint);
        }

        return options;
    }
}
