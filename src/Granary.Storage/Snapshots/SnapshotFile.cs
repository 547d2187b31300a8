using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Granary.Storage.Bolt;

namespace Granary.Storage.Snapshots;

/// <summary>A snapshot on disk, of etcd or of Granary: a database of etcd and, unless it was copied from a data directory, its SHA-256.</summary>
public sealed class SnapshotFile : IDisposable
{
    private const int HashBytes = 32;

    // The database is a multiple of it.
    private const int SectorBytes = 512;

    private readonly BoltFile _database;

    private SnapshotFile(BoltFile database, bool hasHash)
    {
        _database = database;
        HasHash = hasHash;
        ReadMeta();
        ReadAuthState();
    }

    public string Path => _database.Path;

    /// <summary>Whether a SHA-256 stands at its end.</summary>
    public bool HasHash { get; }

    /// <summary>Bytes of the database.</summary>
    public long SizeBytes => _database.SizeBytes;

    /// <summary>The revision up to which it is compacted; -1 when it never was. A compaction that was begun counts.</summary>
    public long CompactedRevision { get; private set; } = -1;

    /// <summary>As etcd 3.6 and later write it, such as 3.6.0; null when the file has none.</summary>
    public string? StorageVersion { get; private set; }

    public bool IsAuthEnabled { get; private set; }

    public ulong AuthRevision { get; private set; } = 1;

    /// <exception cref="BoltDamagedException">It holds no database.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SnapshotFile Open(string path)
    {
        var length = new FileInfo(path).Length;
        var hasHash = length % SectorBytes == HashBytes;
        var database = BoltFile.Open(path, hasHash ? length - HashBytes : length);
        try
        {
            return new SnapshotFile(database, hasHash);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Reads the whole file and compares its SHA-256 with the one at its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="progress">Told of the bytes that were read since it was told last.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SnapshotRefusedException">It does not match, or there is none.</exception>
    public static void VerifyHash(string path, Action<long>? progress, CancellationToken cancellationToken)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(file);
        if (length % SectorBytes != HashBytes)
        {
            throw new SnapshotRefusedException(
                $"{path} does not end with a hash: either it is cut short, or it was copied out of a data directory; only in the second case use --skip-hash-check");
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        var end = length - HashBytes;
        for (var offset = 0L; offset < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)), offset);
            if (read == 0)
            {
                throw new SnapshotRefusedException($"{path} became shorter while it was read");
            }

            hash.AppendData(buffer, 0, read);
            offset += read;
            progress?.Invoke(read);
        }

        var expected = new byte[HashBytes];
        if (RandomAccess.Read(file, expected, end) != HashBytes || !hash.GetHashAndReset().AsSpan().SequenceEqual(expected))
        {
            throw new SnapshotRefusedException($"{path} is damaged: its content does not match the SHA-256 at its end; take another copy of it");
        }
    }

    /// <summary>A cursor over a bucket of the database; null when it has none of that name.</summary>
    internal BoltCursor? Bucket(ReadOnlySpan<byte> name) => _database.Bucket(name);

    internal BoltCursor Buckets() => _database.Root();

    public void Dispose() => _database.Dispose();

    private void ReadMeta()
    {
        if (_database.Bucket(EtcdBackend.Keys) is null)
        {
            throw new BoltDamagedException(Path, 0, "this database has no bucket of keys: it is not one of etcd");
        }

        var meta = _database.Bucket(EtcdBackend.Meta);
        while (meta?.MoveNext() is true)
        {
            if (meta.Key.SequenceEqual(EtcdBackend.ScheduledCompaction) || meta.Key.SequenceEqual(EtcdBackend.FinishedCompaction))
            {
                if (!RevisionKey.TryRead(meta.Value, out var compacted))
                {
                    throw new BoltDamagedException(Path, meta.Offset, $"the record {Encoding.ASCII.GetString(meta.Key)} is no revision");
                }

                CompactedRevision = Math.Max(CompactedRevision, compacted.Main);
            }
            else if (meta.Key.SequenceEqual(EtcdBackend.StorageVersion))
            {
                StorageVersion = Encoding.UTF8.GetString(meta.Value);
            }
        }
    }

    private void ReadAuthState()
    {
        var auth = _database.Bucket(EtcdBackend.Auth);
        while (auth?.MoveNext() is true)
        {
            if (auth.Key.SequenceEqual(EtcdBackend.AuthEnabled))
            {
                IsAuthEnabled = !auth.Value.SequenceEqual((ReadOnlySpan<byte>)[0]);
            }
            else if (auth.Key.SequenceEqual(EtcdBackend.AuthRevision) && auth.Value.Length == sizeof(ulong))
            {
                AuthRevision = BinaryPrimitives.ReadUInt64BigEndian(auth.Value);
            }
        }
    }
}
