using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;
using Granary.Storage.Stores.Rocks;

namespace Granary.Benchmarks.Micro;

/// <summary>A replica with keys in it, and requests for them.</summary>
internal sealed class Fixture : IDisposable
{
    public const int BatchSize = 100;

    private const int Keys = 10_000;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("granary-micro-");
    private readonly KeySpace _keys = new(Keys, keyBytes: 16, valueBytes: 256, seed: 1);
    private long _index;
    private int _next;

    public Fixture(StoreKind kind)
    {
        IStore store = kind == StoreKind.Memory
            ? new MemoryStore()
            : new RocksStore(new RocksStoreOptions { Directory = _directory.FullName });
        Replica = new Replica(store);
        Replica.Apply(++_index, new TermRecord(1, 1, 1, 1, RangeMap.SplitAt([])));
        Replica.Publish();
        for (var i = 0; i < Keys / BatchSize; i++)
        {
            Commit();
        }

        // Reads should meet files, as they do on a server that has run for a while.
        Replica.Flush();
    }

    public Replica Replica { get; }

    /// <summary>The next key, round and round.</summary>
    public ByteString NextKey() => _keys.Key(_next = (_next + 1) % Keys);

    public PutRequest NextPut() => new() { Key = NextKey(), Value = _keys.Value(_next) };

    /// <summary>Begins at the first key, without an end of its own.</summary>
    public RangeRequest Range(int limit) => new() { Key = _keys.Key(0), RangeEnd = ByteString.CopyFrom(0), Limit = limit };

    /// <summary>Decides, applies and publishes a batch of puts: what a server does besides its log and its network.</summary>
    public void Commit()
    {
        using var view = Replica.View();
        var evaluation = new BatchEvaluation(view);
        for (var i = 0; i < BatchSize; i++)
        {
            evaluation.Put(NextPut());
        }

        Replica.Apply(++_index, new CommitsRecord(evaluation.FirstRevision, evaluation.Commits, evaluation.LeaseChanges));
        Replica.Publish();
    }

    public void Dispose()
    {
        Replica.Dispose();
        _directory.Delete(recursive: true);
    }
}
