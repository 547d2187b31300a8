using Google.Protobuf;
using Granary.Protos;

namespace Granary.Benchmarks.Load;

/// <summary>One client of a load: one request at a time, always the same message objects.</summary>
internal sealed class LoadClient
{
    private const int MixedOneOutOf = 5;
    private const int PageOneOutOf = 50;
    private const int KeysPerPage = 500;

    private readonly KV.KVClient _kv;
    private readonly Workload _workload;
    private readonly KeySpace _keys;
    private readonly Random _random;

    // The mod revision at which each key was last seen, shared by all clients: a stale one costs a client one read.
    private readonly long[] _revisions;
    private readonly PutRequest _put = new();
    private readonly RangeRequest _range = new();
    private readonly RangeRequest _page = new() { RangeEnd = ByteString.CopyFrom(0), Limit = KeysPerPage };
    private readonly TxnRequest _txn = new();
    private readonly Compare _compare = new() { Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal };

    public LoadClient(KV.KVClient kv, Workload workload, KeySpace keys, int number, long[] revisions)
    {
        _kv = kv;
        _workload = workload;
        _keys = keys;
        _revisions = revisions;
        _random = new Random(unchecked((keys.Seed * 1_000_003) + number));
        _txn.Compare.Add(_compare);
        _txn.Success.Add(new RequestOp { RequestPut = _put });
        _txn.Failure.Add(new RequestOp { RequestRange = _range });
    }

    /// <summary>One request and its answer.</summary>
    public async Task Call(CancellationToken cancellationToken)
    {
        var index = _random.Next(_keys.Count);
        switch (_workload)
        {
            case Workload.Put:
            case Workload.Mixed when _random.Next(MixedOneOutOf) == 0:
                _put.Key = _keys.Key(index);
                _put.Value = _keys.Value(_random.Next(int.MaxValue));
                using (var call = _kv.PutAsync(_put, cancellationToken: cancellationToken))
                {
                    await call.ResponseAsync;
                }

                break;

            case Workload.Page:
            case Workload.TxnAndPage when _random.Next(PageOneOutOf) == 0:
                _page.Key = _keys.Key(index);
                using (var call = _kv.RangeAsync(_page, cancellationToken: cancellationToken))
                {
                    await call.ResponseAsync;
                }

                break;

            case Workload.Txn:
            case Workload.TxnAndPage:
                await Update(index, cancellationToken);
                break;

            default:
                _range.Key = _keys.Key(index);
                using (var call = _kv.RangeAsync(_range, cancellationToken: cancellationToken))
                {
                    await call.ResponseAsync;
                }

                break;
        }
    }

    private async Task Update(int index, CancellationToken cancellationToken)
    {
        _compare.Key = _put.Key = _range.Key = _keys.Key(index);
        _compare.ModRevision = Volatile.Read(ref _revisions[index]);
        _put.Value = _keys.Value(_random.Next(int.MaxValue));
        using var call = _kv.TxnAsync(_txn, cancellationToken: cancellationToken);
        var response = await call.ResponseAsync;
        var seen = response.Succeeded
            ? response.Header.Revision
            : response.Responses[0].ResponseRange is { Kvs: [var pair, ..] } ? pair.ModRevision : 0;
        Volatile.Write(ref _revisions[index], seen);
    }
}
