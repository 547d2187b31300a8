using RocksDbSharp;

namespace Granary.Storage.Stores.Rocks;

/// <summary>How RocksDB is set up for a store: the database, and each family by how it is read.</summary>
internal static class RocksSetup
{
    // A file is rewritten once half of so many entries in a row are deletions.
    private const int DeletionsWindow = 8192;

    /// <summary>What RocksDB calls a family. It insists on one of the name default.</summary>
    public static string NameOf(Family family) => family == Family.Meta ? "default" : family.ToString().ToLowerInvariant();

    /// <summary>The database as a whole.</summary>
    public static DbOptions Database(RocksStoreOptions options)
    {
        var database = new DbOptions()
            .SetCreateIfMissing()
            .SetCreateMissingColumnFamilies()
            .SetDbWriteBufferSize((ulong)options.MemtableBytes)
            .SetMaxOpenFiles(512)
            .SetKeepLogFileNum(2)
            .SetStatsDumpPeriodSec(0)
            .SetInfoLogLevel(InfoLogLevel.Warn);
        Native.Instance.rocksdb_options_set_atomic_flush(database.Handle, 1);
        Native.Instance.rocksdb_options_set_max_background_jobs(database.Handle, 2);
        return database;
    }

    /// <summary>All families. They share one cache.</summary>
    public static ColumnFamilies AllFamilies(RocksStoreOptions options)
    {
        var cache = Cache.CreateLru((ulong)options.BlockCacheBytes);
        var families = new ColumnFamilies(new ColumnFamilyOptions());
        foreach (var family in Enum.GetValues<Family>())
        {
            var table = new BlockBasedTableOptions()
                .SetBlockCache(cache)
                .SetCacheIndexAndFilterBlocks(true)
                .SetPinL0FilterAndIndexBlocksInCache(true)
                .SetBlockSize(8 << 10);
            if (family is Family.Latest)
            {
                // In partitions: the filter of a file with millions of small keys, as one block, would be larger than a shard of the cache
                // is, and read again for every pair that is looked up.
                table.SetFilterPolicy(BloomFilterPolicy.Create(10, false)).SetIndexType(BlockBasedTableIndexType.TwoLevelIndex);
                Native.Instance.rocksdb_block_based_options_set_partition_filters(table.Handle, 1);
            }

            var familyOptions = new ColumnFamilyOptions()
                .SetWriteBufferSize((ulong)options.MemtableBytes)
                .SetMaxWriteBufferNumber(4)
                .SetCompression(Compression.Lz4)
                .SetLevelCompactionDynamicLevelBytes(true)
                .SetDisableAutoCompactions(options.CompactsAtOnce ? 0 : 1)
                .SetBlockBasedTableFactory(table);
            if (family is Family.Latest or Family.LeaseKeys)
            {
                // Cursors pass over what is deleted there until it is gone. History and events are read behind what a compaction has deleted.
                Native.Instance.rocksdb_options_add_compact_on_deletion_collector_factory(familyOptions.Handle, DeletionsWindow, DeletionsWindow / 2);
            }

            families.Add(new ColumnFamilies.Descriptor(NameOf(family), familyOptions));
        }

        return families;
    }
}
