using System.Globalization;
using System.Text;
using Granary.Storage.Stores;
using Granary.Storage.Stores.Rocks;

namespace Granary.Storage.Tests;

/// <summary>What a lookup reads from files when its table has far more keys than the cache has room for what is known of them.</summary>
public sealed class LookupCostTests
{
    private const int Keys = 1_000_000;
    private const int Lookups = 2000;

    [Fact]
    public void A_lookup_reads_blocks_and_no_filter_of_a_whole_file()
    {
        using var place = new StorePlace(onDisk: true);
        using var store = new RocksStore(new RocksStoreOptions { Directory = place.StoreDirectory, BlockCacheBytes = 8 << 20 });
        for (var i = 0; i < Keys;)
        {
            using var batch = store.CreateBatch();
            for (var end = i + 10_000; i < end; i++)
            {
                batch.Put(Family.Latest, Key(i), "v"u8);
            }

            store.Write(batch);
        }

        store.Flush();
        store.Reclaim(Family.Latest);
        using var snapshot = store.Snapshot();
        var before = BytesRead();
        for (var i = 0; i < Lookups; i++)
        {
            Assert.NotNull(snapshot.Read(Family.Latest, Key((int)(i * 7919L % Keys)), 0, static (_, _) => string.Empty));
        }

        var perLookup = (BytesRead() - before) / Lookups;
        TestContext.Current.SendDiagnosticMessage($"{perLookup} bytes for a lookup");
        Assert.InRange(perLookup, 1, 64 << 10);
    }

    private static byte[] Key(int number) => Encoding.ASCII.GetBytes(number.ToString("D9", CultureInfo.InvariantCulture));

    // A lookup reads in the thread of its caller.
    private static long BytesRead() =>
        long.Parse(File.ReadLines("/proc/thread-self/io").First()["rchar:".Length..], CultureInfo.InvariantCulture);
}
