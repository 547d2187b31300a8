using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;

namespace Granary.Log.Tests.Commits;

/// <summary>A store in memory that takes nothing while the test says that its disk is full.</summary>
internal sealed class FillingStore : IStore
{
    private readonly MemoryStore _store = new();
    private int _refusals;

    public volatile bool IsFull;

    public int Refusals => Volatile.Read(ref _refusals);

    public long SizeBytes => _store.SizeBytes;

    public long UnflushedBytes => _store.UnflushedBytes;

    public StoreFigures Figures => _store.Figures;

    public IStoreBatch CreateBatch() => _store.CreateBatch();

    public void Write(IStoreBatch batch)
    {
        RefuseIfFull();
        _store.Write(batch);
    }

    public IStoreSnapshot Snapshot() => _store.Snapshot();

    public void Flush()
    {
        RefuseIfFull();
        _store.Flush();
    }

    public void Reclaim(Family family) => _store.Reclaim(family);

    public void Dispose() => _store.Dispose();

    private void RefuseIfFull()
    {
        if (IsFull)
        {
            Interlocked.Increment(ref _refusals);
            throw new StoreFullException("nowhere", new IOException("No space left on device"));
        }
    }
}
