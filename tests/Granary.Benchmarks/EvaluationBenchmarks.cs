using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;

namespace Granary.Benchmarks;

/// <summary>What deciding costs, without a log: per request of a batch of 100.</summary>
[MemoryDiagnoser]
public class EvaluationBenchmarks : IDisposable
{
    private const int Requests = 100;

    private readonly Replica _replica = new(new MemoryStore());
    private PutRequest[] _puts = [];
    private TxnRequest[] _txns = [];

    [GlobalSetup]
    public void Setup()
    {
        _puts = [.. Enumerable.Range(0, Requests).Select(i => new PutRequest { Key = ByteString.CopyFromUtf8($"key-{i}"), Value = ByteString.CopyFrom(new byte[256]) })];
        _txns = [.. _puts.Select(put => new TxnRequest
        {
            Compare = { new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Mod } },
            Success = { new RequestOp { RequestPut = put } },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = put.Key } } },
        })];
        _replica.Apply(1, new TermRecord(1, 1, 1, RangeMap.SplitAt([])));
        _replica.Publish();
    }

    [Benchmark(OperationsPerInvoke = Requests)]
    public long Put()
    {
        using var view = _replica.View();
        var evaluation = new BatchEvaluation(view);
        foreach (var put in _puts)
        {
            evaluation.Put(put);
        }

        return evaluation.Commits.Count;
    }

    [Benchmark(OperationsPerInvoke = Requests)]
    public long Txn()
    {
        using var view = _replica.View();
        var evaluation = new BatchEvaluation(view);
        foreach (var txn in _txns)
        {
            evaluation.Txn(txn, default);
        }

        return evaluation.Commits.Count;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _replica.Dispose();
        GC.SuppressFinalize(this);
    }
}
