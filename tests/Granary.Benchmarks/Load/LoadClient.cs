using Google.Protobuf;
using Granary.Protos;

namespace Granary.Benchmarks.Load;

/// <summary>One client of a load: one request at a time, always the same message objects.</summary>
internal sealed class LoadClient
{
    private const int MixedOneOutOf = 5;
    private const int PageOneOutOf = 50;
    private const int KeysPerPage = 500;
    private const int KeysPerList = 10_000;
    private const int PutsPerTxn = 8;

    private readonly KV.KVClient _kv;
    private readonly Workload _workload;
    private readonly KeySpace _keys;
    private readonly LeasesOfKeys? _leases;
    private readonly Random _random;

    // The mod revision at which each key was last seen, shared by all clients: a stale one costs a client one read.
    private readonly long[] _revisions;
    private readonly PutRequest _put = new();
    private readonly RangeRequest _range = new();
    private readonly RangeRequest _list = new() { RangeEnd = ByteString.CopyFrom(0) };
    private readonly TxnRequest _update = new();
    private readonly Compare _compare = new() { Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal };
    private readonly TxnRequest _puts = new();

    /// <param name="kv">Its connection.</param>
    /// <param name="workload">What it does.</param>
    /// <param name="keys">The keys that it does it with.</param>
    /// <param name="number">Its own among all clients.</param>
    /// <param name="revisions">The mod revision of each key, as far as the clients know.</param>
    /// <param name="leases">To which keys stay attached that are updated; null for none.</param>
    public LoadClient(KV.KVClient kv, Workload workload, KeySpace keys, int number, long[] revisions, LeasesOfKeys? leases)
    {
        (_kv, _workload, _keys, _revisions, _leases) = (kv, workload, keys, revisions, leases);
        _random = new Random(unchecked((keys.Seed * 1_000_003) + number));
        _update.Compare.Add(_compare);
        _update.Success.Add(new RequestOp { RequestPut = _put });
        _update.Failure.Add(new RequestOp { RequestRange = _range });
        _puts.Success.AddRange(Enumerable.Range(0, PutsPerTxn).Select(static _ => new RequestOp { RequestPut = new PutRequest() }));
    }

    /// <summary>How many updates have succeeded.</summary>
    public long Updates { get; private set; }

    /// <summary>One request and its answer.</summary>
    public Task Call(CancellationToken cancellationToken)
    {
        var index = _random.Next(_keys.Count);
        return _workload switch
        {
            Workload.Put => Put(index, cancellationToken),
            Workload.Mixed when IsOneOutOf(MixedOneOutOf) => Put(index, cancellationToken),
            Workload.Txn => Update(index, cancellationToken),
            Workload.TxnOfPuts => PutMany(index, cancellationToken),
            Workload.Page => List(KeysPerPage, cancellationToken),
            Workload.List => List(KeysPerList, cancellationToken),
            Workload.Kubernetes when IsOneOutOf(PageOneOutOf) => List(KeysPerPage, cancellationToken),
            Workload.Kubernetes => Update(index, cancellationToken),
            _ => Range(index, cancellationToken),
        };
    }

    private async Task Put(int index, CancellationToken cancellationToken)
    {
        _put.Key = _keys.Key(index);
        _put.Value = RandomValue();
        using var call = _kv.PutAsync(_put, cancellationToken: cancellationToken);
        await call.ResponseAsync;
    }

    private async Task Range(int index, CancellationToken cancellationToken)
    {
        _range.Key = _keys.Key(index);
        using var call = _kv.RangeAsync(_range, cancellationToken: cancellationToken);
        await call.ResponseAsync;
    }

    private async Task List(int limit, CancellationToken cancellationToken)
    {
        // From where on there are so many.
        _list.Key = _keys.Key(_random.Next(Math.Max(1, _keys.Count - limit + 1)));
        _list.Limit = limit;
        using var call = _kv.RangeAsync(_list, cancellationToken: cancellationToken);
        await call.ResponseAsync;
    }

    private async Task PutMany(int index, CancellationToken cancellationToken)
    {
        // All over the keys, and no key twice: a txn with that is refused.
        for (var i = 0; i < PutsPerTxn; i++)
        {
            var put = _puts.Success[i].RequestPut;
            put.Key = _keys.Key((index + (i * (_keys.Count / PutsPerTxn))) % _keys.Count);
            put.Value = RandomValue();
        }

        using var call = _kv.TxnAsync(_puts, cancellationToken: cancellationToken);
        await call.ResponseAsync;
    }

    private async Task Update(int index, CancellationToken cancellationToken)
    {
        _compare.Key = _put.Key = _range.Key = _keys.Key(index);
        _compare.ModRevision = Volatile.Read(ref _revisions[index]);
        _put.Value = RandomValue();
        _put.Lease = _leases?.Of(index) ?? 0;
        using var call = _kv.TxnAsync(_update, cancellationToken: cancellationToken);
        var response = await call.ResponseAsync;
        Updates += response.Succeeded ? 1 : 0;
        var seen = response.Succeeded
            ? response.Header.Revision
            : response.Responses[0].ResponseRange is { Kvs: [var pair, ..] } ? pair.ModRevision : 0;
        Volatile.Write(ref _revisions[index], seen);
    }

    private bool IsOneOutOf(int count) => _random.Next(count) == 0;

    private ByteString RandomValue() => _keys.Value(_random.Next(int.MaxValue));
}
