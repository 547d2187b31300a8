using System.Globalization;
using System.Text;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Server.Facade;

/// <summary>
/// What locks and elections have in common: each who wants one has a key of its own below a name, and its turn when no older key
/// is left. It waits for the one right before it only, so that a release wakes one.
/// </summary>
internal sealed class Waiting(Keyspace keyspace, KvService kv, Watches watches, GrainRouter router, Leading leading, LeaseService leaseService)
{
    private const long OwnLeaseSeconds = 60;

    /// <summary>The lease to use: the one that is given, renewed once as a session does when it starts, or a new one that nobody renews.</summary>
    public async Task<long> Lease(long given, Caller caller, CancellationToken cancellationToken)
    {
        if (given == 0)
        {
            return (await leaseService.Grant(new LeaseGrantRequest { TTL = OwnLeaseSeconds }, caller, cancellationToken)).ID;
        }

        var leader = await leading.Reach(cancellationToken);
        await leading.Written(leader, router.Lease(leader, given).KeepAlive([given], caller, cancellationToken));
        return given;
    }

    public static ByteString Prefix(ByteString name) => Join(name.Span, "/"u8);

    /// <summary>The key of one who waits: the name, a slash, the lease in hexadecimal.</summary>
    public static ByteString Key(ByteString name, long lease) => Join(Prefix(name).Span, Encoding.ASCII.GetBytes(
        lease < 0 ? "-" + ((ulong)-lease).ToString("x", CultureInfo.InvariantCulture) : lease.ToString("x", CultureInfo.InvariantCulture)));

    /// <summary>Puts the key if it is not there; answers the txn's two ops: the put or what is there, and the oldest key below the name.</summary>
    public Task<TxnResponse> Enter(ByteString name, ByteString key, ByteString value, long lease, Caller caller, CancellationToken cancellationToken)
    {
        var oldest = new RequestOp { RequestRange = Oldest(name) };
        return kv.Txn(
            new TxnRequest
            {
                Compare = { IsCreatedAt(key, 0) },
                Success = { new RequestOp { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } }, oldest },
                Failure = { new RequestOp { RequestRange = new RangeRequest { Key = key } }, oldest },
            },
            caller,
            cancellationToken);
    }

    public static RangeRequest Oldest(ByteString name) => new()
    {
        Key = Prefix(name),
        RangeEnd = EndOf(Prefix(name)),
        SortTarget = RangeRequest.Types.SortTarget.Create,
        SortOrder = RangeRequest.Types.SortOrder.Ascend,
        Limit = 1,
    };

    public static Compare IsCreatedAt(ByteString key, long revision) => new()
    {
        Key = key,
        Target = Compare.Types.CompareTarget.Create,
        Result = Compare.Types.CompareResult.Equal,
        CreateRevision = revision,
    };

    /// <summary>The end of a prefix that ends in a slash.</summary>
    public static ByteString EndOf(ByteString prefix) => Join(prefix.Span[..^1], "0"u8);

    /// <summary>Waits until no key below the name is older than <paramref name="createRevision"/>.</summary>
    public async Task ForTurn(ByteString name, long createRevision, Func<Caller> findCaller, CancellationToken cancellationToken)
    {
        while (true)
        {
            // A token may end while its client waits.
            var caller = findCaller();
            var before = await keyspace.Range(
                new RangeRequest
                {
                    Key = Prefix(name),
                    RangeEnd = EndOf(Prefix(name)),
                    SortTarget = RangeRequest.Types.SortTarget.Create,
                    SortOrder = RangeRequest.Types.SortOrder.Descend,
                    MaxCreateRevision = createRevision - 1,
                    KeysOnly = true,
                    Limit = 1,
                },
                caller,
                cancellationToken);
            if (before.Kvs.Count == 0)
            {
                return;
            }

            await ForDeletion(before.Kvs[0].Key, before.Header.Revision + 1, caller, cancellationToken);
        }
    }

    private static ByteString Join(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) => ByteString.CopyFrom([.. first, .. second]);

    private async Task ForDeletion(ByteString key, long revision, Caller caller, CancellationToken cancellationToken)
    {
        await using var watch = await watches.Watch(
            new WatchCreateRequest
            {
                Key = key,
                StartRevision = revision,
                Filters = { WatchCreateRequest.Types.FilterType.Noput },
            },
            caller);

        // Compacted away, seen, or no longer allowed: either way the caller looks again.
        await watch.Next(cancellationToken);
    }
}
