using System.Collections.Concurrent;
using Google.Protobuf;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Writes what the source has into the target: changes gather into txns that no server refuses for their size, and leases are granted
/// under their own ids before a key needs them.
/// </summary>
internal sealed class TargetWriter(EtcdEndpoint source, EtcdEndpoint target)
{
    private const int MaxOps = 100;
    private const int MaxBytes = 512 << 10;

    // Shared with the task that keeps them alive.
    private readonly ConcurrentDictionary<long, byte> _leases = new();
    private readonly HashSet<ByteString> _keys = [];
    private TxnRequest _txn = new();
    private int _bytes;

    /// <summary>Leases that the target has of the source.</summary>
    public IEnumerable<long> Leases => _leases.Keys;

    public void Forget(long lease) => _leases.TryRemove(lease, out _);

    /// <summary>Whether this would have to go into another txn than what has gathered so far.</summary>
    public bool MustFlushBefore(int ops, int bytes) => _txn.Success.Count > 0 && (_txn.Success.Count + ops > MaxOps || _bytes + bytes > MaxBytes);

    /// <summary>Whether a change of the key has gathered; a txn takes a key but once.</summary>
    public bool Holds(ByteString key) => _keys.Contains(key);

    public async Task Put(KeyValue pair, CancellationToken cancellationToken)
    {
        var lease = await EnsureLease(pair.Lease, cancellationToken) ? pair.Lease : 0;
        await Add(
            pair.Key,
            pair.Value.Length,
            new RequestOp { RequestPut = new PutRequest { Key = pair.Key, Value = pair.Value, Lease = lease } },
            cancellationToken);
    }

    public Task Delete(ByteString key, CancellationToken cancellationToken) =>
        Add(key, 0, new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } }, cancellationToken);

    public async Task Flush(CancellationToken cancellationToken)
    {
        if (_txn.Success.Count > 0)
        {
            await target.Kv.TxnAsync(_txn, cancellationToken: cancellationToken);
            Clear();
        }
    }

    /// <summary>Drops what has gathered and was not written, and what is known of leases.</summary>
    public void Reset()
    {
        Clear();
        _leases.Clear();
    }

    /// <summary>Makes sure that the target has a lease; false when the source no longer has it, as its keys are about to go, or it is none.</summary>
    public async ValueTask<bool> EnsureLease(long id, CancellationToken cancellationToken)
    {
        if (id == 0)
        {
            return false;
        }

        if (_leases.ContainsKey(id))
        {
            return true;
        }

        var granted = await source.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id }, cancellationToken: cancellationToken);
        if (granted.TTL <= 0)
        {
            return false;
        }

        try
        {
            await target.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = granted.GrantedTTL }, cancellationToken: cancellationToken);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.FailedPrecondition)
        {
            // It is there already, from an earlier run.
        }

        _leases.TryAdd(id, 0);
        return true;
    }

    private void Clear()
    {
        _txn = new TxnRequest();
        _keys.Clear();
        _bytes = 0;
    }

    private async Task Add(ByteString key, int valueBytes, RequestOp op, CancellationToken cancellationToken)
    {
        if (Holds(key) || MustFlushBefore(1, key.Length + valueBytes))
        {
            await Flush(cancellationToken);
        }

        _keys.Add(key);
        _txn.Success.Add(op);
        _bytes += key.Length + valueBytes;
    }
}
