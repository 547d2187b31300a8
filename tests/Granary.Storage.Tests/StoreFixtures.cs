using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;
using Granary.Storage.Stores.Rocks;

namespace Granary.Storage.Tests;

/// <summary>A store of either kind in a place of its own, gone when disposed.</summary>
public sealed class StorePlace(bool onDisk) : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), "granary-store-" + Guid.NewGuid().ToString("N"));

    public string StoreDirectory => _directory;

    public IStore Open() => onDisk ? new RocksStore(new RocksStoreOptions { Directory = _directory, MemtableBytes = 1 << 20 }) : new MemoryStore();

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
