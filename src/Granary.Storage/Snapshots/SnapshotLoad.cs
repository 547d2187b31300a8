using System.Buffers.Binary;
using System.Text;
using Granary.Protos;
using Granary.Storage.Bolt;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots;

/// <summary>
/// Fills an empty store with what a snapshot holds: the state of a replica before its first log record, so that whoever opens it founds a
/// new cluster on it. Until the last write the store says of itself that it is unfinished, and no replica takes it.
/// </summary>
public sealed class SnapshotLoad
{
    private const int MaxBatchRecords = 1024;
    private const int MaxBatchBytes = 1 << 20;

    private readonly SnapshotFile _source;
    private readonly IStore _store;
    private readonly IStoreBatch _batch;
    private readonly ByteWriter _key = new();
    private readonly ByteWriter _value = new();

    // What the batch makes of keys, stored form; null is deleted.
    private readonly Dictionary<byte[], byte[]?> _pending = new(KeyEquality.Instance);
    private readonly Dictionary<byte[], byte[]?>.AlternateLookup<ReadOnlySpan<byte>> _pendingByKey;
    private readonly HashSet<long> _leases = [];

    // All batches that were written, for looking up; made when needed.
    private IStoreSnapshot? _written;
    private long _batchBytes;
    private long _gaps;

    private SnapshotLoad(SnapshotFile source, IStore store, IStoreBatch batch)
    {
        _source = source;
        _store = store;
        _batch = batch;
        _pendingByKey = _pending.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <param name="source">What to load.</param>
    /// <param name="store">An empty store.</param>
    /// <param name="progress">Told of the bytes of records loaded since it was told last.</param>
    /// <param name="cancellationToken">Gives up; the store stays unfinished.</param>
    /// <exception cref="BoltDamagedException">The file is not what it must be.</exception>
    public static RestoredCounts Run(SnapshotFile source, IStore store, Action<long>? progress, CancellationToken cancellationToken) =>
        Run(source, store, bump: 0, progress, cancellationToken);

    /// <param name="source">What to load.</param>
    /// <param name="store">An empty store.</param>
    /// <param name="bump">How much greater than the source's the revision is to be; unless it is 0 everything before is compacted.</param>
    /// <param name="progress">Told of the bytes of records loaded since it was told last.</param>
    /// <param name="cancellationToken">Gives up; the store stays unfinished.</param>
    /// <exception cref="BoltDamagedException">The file is not what it must be.</exception>
    /// <exception cref="SnapshotRefusedException">There is no revision so great.</exception>
    public static RestoredCounts Run(SnapshotFile source, IStore store, ulong bump, Action<long>? progress, CancellationToken cancellationToken)
    {
        using var batch = store.CreateBatch();
        var load = new SnapshotLoad(source, store, batch);
        try
        {
            return load.Run(bump, progress, cancellationToken);
        }
        finally
        {
            load._written?.Dispose();
        }
    }

    private RestoredCounts Run(ulong bump, Action<long>? progress, CancellationToken cancellationToken)
    {
        ReplicaState.StoreUnfinished(_batch);
        _store.Write(_batch);
        _store.Flush();

        var leases = LoadLeases();
        var (records, lastRevision) = LoadKeys(progress, cancellationToken);
        var users = LoadAuth(EtcdBackend.Users, AuthRecords.User);
        var roles = LoadAuth(EtcdBackend.Roles, AuthRecords.Role);
        AuthRecords.PutState(_batch, false, _source.AuthRevision);
        var alarms = ReadAlarms();

        // What was at the end may all be compacted away.
        var revision = Math.Max(1, Math.Max(lastRevision, _source.CompactedRevision));
        var compacted = _source.CompactedRevision;
        if (bump > 0)
        {
            // What can't be read any more is removed by the server, as after any compaction.
            compacted = revision = bump <= (ulong)(long.MaxValue - revision)
                ? revision + (long)bump
                : throw new SnapshotRefusedException($"the revision {revision} can't be made greater by {bump}");
        }

        WriteBatch();
        _store.Flush();
        (ReplicaState.Initial with { Revision = revision, CompactedRevision = compacted, Alarms = alarms }).Store(
            _batch, _value, withRanges: false, withMembers: true);
        _store.Write(_batch);
        _store.Flush();
        return new RestoredCounts(revision, compacted, records, leases, users, roles, alarms.Count, _gaps);
    }

    private long LoadLeases()
    {
        var bucket = _source.Bucket(EtcdBackend.Leases);
        while (bucket?.MoveNext() is true)
        {
            var lease = Message<Protos.Stored.Lease>(bucket, bucket.Value, "lease");
            if (bucket.Key.Length != sizeof(long) || BinaryPrimitives.ReadInt64BigEndian(bucket.Key) != lease.ID || lease.TTL <= 0)
            {
                throw Damaged(bucket, "a lease has another id than its key, or no time to live");
            }

            _leases.Add(lease.ID);
            _key.Clear();
            LeaseKey.Write(_key, lease.ID);
            _value.Clear();
            _value.Varint(lease.TTL);
            _batch.Put(Family.Leases, _key.Written, _value.Written);
        }

        WriteBatch();
        return _leases.Count;
    }

    private long LoadAuth(ReadOnlySpan<byte> bucketName, byte kind)
    {
        var count = 0L;
        var bucket = _source.Bucket(bucketName);
        while (bucket?.MoveNext() is true)
        {
            if (kind == AuthRecords.User)
            {
                Message<User>(bucket, bucket.Value, "user");
            }
            else
            {
                Message<Role>(bucket, bucket.Value, "role");
            }

            AuthRecords.Put(_batch, kind, bucket.Key, bucket.Value);
            count++;
        }

        return count;
    }

    // As etcd's restore does, all of them, though the members that raised them are no more: each stays up until it is disarmed.
    private List<AlarmMember> ReadAlarms()
    {
        var alarms = new List<AlarmMember>();
        var bucket = _source.Bucket(EtcdBackend.Alarms);
        while (bucket?.MoveNext() is true)
        {
            alarms.Add(Message<AlarmMember>(bucket, bucket.Key, "alarm"));
        }

        return alarms;
    }

    private (long Records, long LastRevision) LoadKeys(Action<long>? progress, CancellationToken cancellationToken)
    {
        var bucket = _source.Bucket(EtcdBackend.Keys)!;
        var compacted = _source.CompactedRevision;
        var last = 0L;
        var records = 0L;
        while (bucket.MoveNext())
        {
            if (!RevisionKey.TryRead(bucket.Key, out var revision) || bucket.IsBucket || revision.Sub > int.MaxValue)
            {
                throw Damaged(bucket, "a record of the keys is named by something that is no revision");
            }

            var pair = Pair(bucket, revision);
            Load(revision, pair, compacted);
            last = revision.Main;
            records++;
            _batchBytes += bucket.Value.Length + bucket.Key.Length;
            if (_batchBytes >= MaxBatchBytes || _pending.Count >= MaxBatchRecords)
            {
                progress?.Invoke(_batchBytes);
                cancellationToken.ThrowIfCancellationRequested();
                WriteBatch();
            }
        }

        progress?.Invoke(_batchBytes);
        WriteBatch();
        return (records, last);
    }

    private KeyValueWire Pair(BoltCursor bucket, RevisionKey revision)
    {
        try
        {
            var pair = KeyValueWire.Read(bucket.Value);
            return pair.Key.IsEmpty ? throw Damaged(bucket, $"the record of revision {revision.Main} has no key")
                : !revision.IsTombstone && (pair.ModRevision != revision.Main || pair.Version <= 0 || pair.CreateRevision <= 0 || pair.CreateRevision > revision.Main)
                    ? throw Damaged(bucket, $"the record of revision {revision.Main} says that its pair was created at {pair.CreateRevision}, changed at {pair.ModRevision} and has version {pair.Version}")
                : pair;
        }
        catch (InvalidDataException exception)
        {
            throw Damaged(bucket, $"the record of revision {revision.Main} cannot be read: {exception.Message}");
        }
    }

    private void Load(RevisionKey revision, in KeyValueWire pair, long compacted)
    {
        // A key that is new has nothing before it; most keys of most databases are looked up nowhere.
        var previous = revision.IsTombstone || pair.Version > 1 ? Find(pair.Key) : null;
        long previousModRevision = 0;
        long previousLease = 0;
        if (previous is not null)
        {
            var before = KeyValueWire.FromStored(pair.Key, previous);
            previousLease = before.Lease;
            if (revision.Main > compacted)
            {
                previousModRevision = before.ModRevision;
                _key.Clear();
                HistoryKey.Write(_key, pair.Key, previousModRevision);
                _value.Clear();
                _value.Varint(revision.Main);
                _value.Bytes(previous);
                _batch.Put(Family.History, _key.Written, _value.Written);
            }
        }
        else if (revision.Main > compacted && (revision.IsTombstone || pair.Version > 1))
        {
            _gaps++;
        }

        var key = pair.Key.ToArray();
        Attach(key, previousLease, pair.Lease);
        if (revision.IsTombstone)
        {
            _batch.Delete(Family.Latest, key);
            _pending[key] = null;
        }
        else
        {
            _value.Clear();
            _value.Varint(pair.CreateRevision);
            _value.Varint(pair.ModRevision);
            _value.Varint(pair.Version);
            _value.Varint(pair.Lease);
            _value.Bytes(pair.Value);
            var stored = _value.Written.ToArray();
            _batch.Put(Family.Latest, key, stored);
            _pending[key] = stored;
        }

        if (revision.Main >= compacted)
        {
            _value.Clear();
            _value.Byte(revision.IsTombstone ? (byte)1 : (byte)0);
            _value.Varint(previousModRevision);
            _value.Bytes(key);
            _batch.Put(Family.Events, StoredEvent.Key(revision.Main, (int)revision.Sub), _value.Written);
        }
    }

    private byte[]? Find(ReadOnlySpan<byte> key)
    {
        if (_pendingByKey.TryGetValue(key, out var pending))
        {
            return pending;
        }

        _written ??= _store.Snapshot();
        return _written.Read(Family.Latest, key, 0, static (value, _) => value.ToArray());
    }

    // A key may name a lease that is not there. It is attached all the same, as it is in etcd from the next start on after a lease of that id
    // was granted: what a lease deletes is what names it.
    private void Attach(ReadOnlySpan<byte> key, long before, long now)
    {
        if (before == now)
        {
            return;
        }

        if (before != 0)
        {
            _key.Clear();
            LeaseKey.Write(_key, before, key);
            _batch.Delete(Family.LeaseKeys, _key.Written);
        }

        if (now != 0)
        {
            _key.Clear();
            LeaseKey.Write(_key, now, key);
            _batch.Put(Family.LeaseKeys, _key.Written, _leases.Contains(now) ? [] : LeaseKey.WithoutLease);
        }
    }

    private void WriteBatch()
    {
        _written?.Dispose();
        _written = null;
        _store.Write(_batch);
        _pending.Clear();
        _batchBytes = 0;
    }

    private T Message<T>(BoltCursor bucket, ReadOnlySpan<byte> stored, string what)
        where T : Google.Protobuf.IMessage<T>, new()
    {
        try
        {
            return new Google.Protobuf.MessageParser<T>(static () => new T()).ParseFrom(stored);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException exception)
        {
            throw Damaged(bucket, $"the {what} {Encoding.UTF8.GetString(bucket.Key)} cannot be read: {exception.Message}");
        }
    }

    private BoltDamagedException Damaged(BoltCursor bucket, string damage) => new(_source.Path, bucket.Offset, damage);

    private sealed class KeyEquality : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly KeyEquality Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] key) => GetHashCode(key.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = new HashCode();
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
