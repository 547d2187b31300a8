using BenchmarkDotNet.Attributes;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Benchmarks.Micro;

/// <summary>What a write costs without log and network. Figures are per request, in batches of 100.</summary>
[MemoryDiagnoser]
public class WriteBenchmarks : IDisposable
{
    private Fixture _fixture = null!;

    [Params(StoreKind.Memory, StoreKind.Rocks)]
    public StoreKind Store { get; set; }

    [GlobalSetup]
    public void Setup() => _fixture = new Fixture(Store);

    [GlobalCleanup]
    public void Dispose()
    {
        _fixture?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Fixture.BatchSize)]
    public int EvaluatePuts()
    {
        using var view = _fixture.Replica.View();
        var evaluation = new BatchEvaluation(view);
        for (var i = 0; i < Fixture.BatchSize; i++)
        {
            evaluation.Put(_fixture.NextPut());
        }

        return evaluation.Commits.Count;
    }

    [Benchmark(OperationsPerInvoke = Fixture.BatchSize)]
    public int EvaluateTxns()
    {
        using var view = _fixture.Replica.View();
        var evaluation = new BatchEvaluation(view);
        for (var i = 0; i < Fixture.BatchSize; i++)
        {
            var put = _fixture.NextPut();
            evaluation.Txn(
                new TxnRequest
                {
                    Compare =
                    {
                        new Compare
                        {
                            Key = put.Key,
                            Target = Compare.Types.CompareTarget.Version,
                            Result = Compare.Types.CompareResult.Greater,
                        },
                    },
                    Success = { new RequestOp { RequestPut = put } },
                },
                CancellationToken.None);
        }

        return evaluation.Commits.Count;
    }

    [Benchmark(OperationsPerInvoke = Fixture.BatchSize)]
    public void EvaluateAndApplyPuts() => _fixture.Commit();
}
