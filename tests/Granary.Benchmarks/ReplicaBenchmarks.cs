using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;
using Granary.Storage.Stores.Rocks;

namespace Granary.Benchmarks;

/// <summary>What storing and reading costs, without a log and without a network: 10,000 keys of 256 bytes.</summary>
[MemoryDiagnoser]
public class ReplicaBenchmarks : IDisposable
{
    private const int Keys = 10_000;
    private const int Batch = 100;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-bench-").FullName;
    private readonly ByteString[] _keys = [.. Enumerable.Range(0, Keys).Select(i => ByteString.CopyFromUtf8($"key-{i:D6}"))];
    private readonly ByteString _value = ByteString.CopyFrom(new byte[256]);
    private Replica? _replica;
    private long _index;
    private int _next;

    [Params(true, false)]
    public bool OnDisk { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        IStore store = OnDisk ? new RocksStore(new RocksStoreOptions { Directory = _directory }) : new MemoryStore();
        _replica = new Replica(store);
        _replica.Apply(++_index, new TermRecord(1, 1, 1, RangeMap.SplitAt([])));
        _replica.Publish();
        for (var i = 0; i < Keys / Batch; i++)
        {
            ApplyPuts();
        }
    }

    /// <summary>Decide, apply and publish a batch of 100 puts; per put.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void ApplyPuts()
    {
        using var view = _replica!.View();
        var evaluation = new BatchEvaluation(view);
        for (var i = 0; i < Batch; i++)
        {
            evaluation.Put(new PutRequest { Key = _keys[_next++ % Keys], Value = _value });
        }

        _replica.Apply(++_index, new CommitsRecord(evaluation.FirstRevision, evaluation.Commits));
        _replica.Publish();
    }

    [Benchmark]
    public long ReadOne()
    {
        using var view = _replica!.View();
        return RangeEvaluation.Run(new RangeRequest { Key = _keys[_next++ % Keys] }, view, default).Count;
    }

    [Benchmark]
    public long ReadAThousand()
    {
        using var view = _replica!.View();
        return RangeEvaluation.Run(new RangeRequest { Key = _keys[5000], RangeEnd = _keys[6000] }, view, default).Count;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _replica?.Dispose();
        Directory.Delete(_directory, recursive: true);
        GC.SuppressFinalize(this);
    }
}
