using Granary.Storage.Stores;
using Granary.Storage.Stores.Rocks;

namespace Granary.Storage.Tests;

/// <summary>A store that waits with its compactions leaves its files as they are.</summary>
public sealed class BackgroundCompactionTests
{
    // Twice as many as RocksDB lets stand side by side.
    private const int Files = 8;

    [Fact]
    public void Files_are_rewritten_from_when_it_is_said()
    {
        using var place = new StorePlace(onDisk: true);
        var options = new RocksStoreOptions { Directory = place.StoreDirectory, CompactsAtOnce = false };
        using (var filled = new RocksStore(options))
        {
            for (var i = 0; i < Files; i++)
            {
                using var batch = filled.CreateBatch();
                batch.Put(Family.Latest, "a"u8, [(byte)i]);
                batch.Put(Family.Latest, "z"u8, [(byte)i]);
                filled.Write(batch);
                filled.Flush();
            }
        }

        var before = Tables(place);
        Assert.Equal(Files, before.Length);
        using var store = new RocksStore(options);
        store.Verify();
        Assert.Equal(before, Tables(place));

        store.BeginCompactions();
        Assert.True(SpinWait.SpinUntil(() => Tables(place).Length < Files, TimeSpan.FromSeconds(60)), "no file was rewritten");
        using var snapshot = store.Snapshot();
        Assert.Equal("7", snapshot.Read(Family.Latest, "a"u8, 0, static (value, _) => value[0].ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    private static string[] Tables(StorePlace place) => [.. Directory.GetFiles(place.StoreDirectory, "*.sst").Order(StringComparer.Ordinal)];
}
