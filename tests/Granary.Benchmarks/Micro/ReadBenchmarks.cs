using BenchmarkDotNet.Attributes;
using Granary.Mvcc.Evaluation;

namespace Granary.Benchmarks.Micro;

/// <summary>What a read costs without network.</summary>
[MemoryDiagnoser]
public class ReadBenchmarks : IDisposable
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

    [Benchmark]
    public long ReadKey()
    {
        using var view = _fixture.Replica.View();
        return view.Find(_fixture.NextKey(), view.Revision)!.Version;
    }

    [Benchmark]
    public long RangeOf1000Keys()
    {
        using var view = _fixture.Replica.View();
        return RangeEvaluation.Run(_fixture.Range(limit: 1000), view, CancellationToken.None).Count;
    }
}
