using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots;

/// <summary>
/// Fills an empty store with the state of a replica before its first log record, so that whoever opens it founds a new cluster on it. Until
/// the last write the store says of itself that it is unfinished, and no replica takes it.
/// </summary>
internal sealed class StoreFiller : IDisposable
{
    private const int MaxBatchRecords = 1024;
    private const int MaxBatchBytes = 1 << 20;

    private readonly IStore _store;
    private readonly IStoreBatch _batch;
    private readonly ByteWriter _key = new();
    private readonly ByteWriter _value = new();

    // What the batch makes of keys, stored form; null is deleted.
    private readonly Dictionary<byte[], byte[]?> _pending = new(KeyEquality.Instance);
    private readonly Dictionary<byte[], byte[]?>.AlternateLookup<ReadOnlySpan<byte>> _pendingByKey;
    private readonly HashSet<long> _leases = [];
    private readonly bool _leasesComeLast;

    // All batches that were written, for looking up; made when needed.
    private IStoreSnapshot? _written;

    /// <param name="store">An empty store.</param>
    /// <param name="leasesComeLast">Whether leases are added behind what names them; else they are added first.</param>
    public StoreFiller(IStore store, bool leasesComeLast = false)
    {
        _store = store;
        _leasesComeLast = leasesComeLast;
        _batch = store.CreateBatch();
        _pendingByKey = _pending.GetAlternateLookup<ReadOnlySpan<byte>>();
        ReplicaState.StoreUnfinished(_batch);
        _store.Write(_batch);
        _store.Flush();
    }

    public long Leases => _leases.Count;

    /// <summary>Records added.</summary>
    public long Records { get; private set; }

    /// <summary>Changes whose pair before them should be there and is not.</summary>
    public long Gaps { get; private set; }

    /// <summary>Bytes of the records that wait for <see cref="Write"/>.</summary>
    public long WaitingBytes { get; private set; }

    /// <summary>Whether so much waits that <see cref="Write"/> should be called.</summary>
    public bool IsFull => WaitingBytes >= MaxBatchBytes || _pending.Count >= MaxBatchRecords;

    public void AddLease(long id, long ttlSeconds)
    {
        _leases.Add(id);
        _key.Clear();
        LeaseKey.Write(_key, id);
        _value.Clear();
        _value.Varint(ttlSeconds);
        _batch.Put(Family.Leases, _key.Written, _value.Written);
    }

    /// <summary>A user or a role, as etcd stores it.</summary>
    public void AddAuth(byte kind, ReadOnlySpan<byte> name, ReadOnlySpan<byte> message) => AuthRecords.Put(_batch, kind, name, message);

    /// <summary>A change of a key, in the order of revisions at least among those of one key.</summary>
    /// <param name="revision">Its place.</param>
    /// <param name="pair">What was put; of a delete only the key.</param>
    /// <param name="compacted">The revision at which what can be read of this key begins.</param>
    public void AddChange(RevisionKey revision, in KeyValueWire pair, long compacted)
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
            Gaps++;
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
            PutLatest(key, pair);
        }

        if (revision.Main >= compacted)
        {
            _value.Clear();
            _value.Byte(revision.IsTombstone ? (byte)1 : (byte)0);
            _value.Varint(previousModRevision);
            _value.Bytes(key);
            _batch.Put(Family.Events, StoredEvent.Key(revision.Main, (int)revision.Sub), _value.Written);
        }

        Added(revision.Length, pair);
    }

    /// <summary>A pair of the state that all changes of its key follow: there is no event of it.</summary>
    public void AddPair(in KeyValueWire pair)
    {
        var key = pair.Key.ToArray();
        Attach(key, 0, pair.Lease);
        PutLatest(key, pair);
        Added(RevisionKey.Bytes, pair);
    }

    /// <summary>Writes all that waits.</summary>
    public void Write()
    {
        _written?.Dispose();
        _written = null;
        _store.Write(_batch);
        _pending.Clear();
        WaitingBytes = 0;
    }

    /// <summary>Writes the rest and makes it all durable: a store that a replica takes.</summary>
    /// <param name="isAuthEnabled">Whether authentication is on.</param>
    /// <param name="authRevision">The revision of users and roles.</param>
    /// <param name="state">What else there is to know.</param>
    public void Complete(bool isAuthEnabled, ulong authRevision, ReplicaState state)
    {
        AuthRecords.PutState(_batch, isAuthEnabled, authRevision);
        Write();
        if (_leasesComeLast)
        {
            MarkThoseWithoutLease();
        }

        _store.Flush();
        state.Store(_batch, _value, withRanges: false, withMembers: true);
        _store.Write(_batch);
        _store.Flush();
    }

    public void Dispose()
    {
        _written?.Dispose();
        _batch.Dispose();
    }

    private void PutLatest(byte[] key, in KeyValueWire pair)
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

    private void Added(int revisionBytes, in KeyValueWire pair)
    {
        Records++;
        WaitingBytes += revisionBytes + pair.Size();
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
            _batch.Put(Family.LeaseKeys, _key.Written, _leasesComeLast || _leases.Contains(now) ? [] : LeaseKey.WithoutLease);
        }
    }

    private void MarkThoseWithoutLease()
    {
        using var attached = _store.Snapshot();
        using var cursor = attached.ScanOnce(Family.LeaseKeys, [], null);
        while (cursor.MoveNext())
        {
            if (!_leases.Contains(LeaseKey.Id(cursor.Key)))
            {
                _batch.Put(Family.LeaseKeys, cursor.Key, LeaseKey.WithoutLease);
            }
        }

        _store.Write(_batch);
    }

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
