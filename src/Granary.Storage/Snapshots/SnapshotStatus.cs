using Granary.Storage.Bolt;
using Granary.Storage.Checksums;

namespace Granary.Storage.Snapshots;

/// <summary>What a snapshot holds, in etcdutl's figures.</summary>
/// <param name="Hash">CRC-32C of all buckets: the same for the same content, and etcdutl's.</param>
/// <param name="Revision">The newest revision of a key, 0 when there is none.</param>
/// <param name="TotalKeys">Records of all buckets.</param>
/// <param name="TotalSizeBytes">Bytes of the database.</param>
/// <param name="StorageVersion">As etcd 3.6 and later write it; empty when the file has none.</param>
public sealed record SnapshotStatus(uint Hash, long Revision, long TotalKeys, long TotalSizeBytes, string StorageVersion)
{
    /// <param name="file">The snapshot.</param>
    /// <param name="progress">Told of the bytes of records read since it was told last.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BoltDamagedException">It is not what it must be.</exception>
    public static SnapshotStatus Read(SnapshotFile file, Action<long>? progress, CancellationToken cancellationToken)
    {
        var hash = 0u;
        var revision = 0L;
        var keys = 0L;
        var read = 0L;
        var buckets = file.Buckets();
        while (buckets.MoveNext())
        {
            hash = Crc32C.Continue(hash, buckets.Key);
            if (!buckets.IsBucket)
            {
                throw new BoltDamagedException(file.Path, buckets.Offset, "a record stands beside the buckets: this is no database of etcd");
            }

            var isKeys = buckets.Key.SequenceEqual(EtcdBackend.Keys);
            var records = buckets.OpenBucket();
            while (records.MoveNext())
            {
                hash = Crc32C.Continue(Crc32C.Continue(hash, records.Key), records.Value);
                if (isKeys)
                {
                    revision = RevisionKey.TryRead(records.Key, out var key)
                        ? key.Main
                        : throw new BoltDamagedException(file.Path, records.Offset, "a record of the keys is named by something that is no revision");
                }

                read += records.Key.Length + records.Value.Length;
                if ((++keys & 0xfff) == 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    progress?.Invoke(read);
                    read = 0;
                }
            }
        }

        progress?.Invoke(read);
        return new SnapshotStatus(hash, revision, keys, file.SizeBytes, file.StorageVersion ?? "");
    }
}
