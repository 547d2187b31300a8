using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>
/// Finds in the events what pairs do not say: the deletes, and the sub-revisions of pairs that share a revision, where these are not
/// just their order by key. Of the compacted revision only the last change of each key counts.
/// </summary>
internal sealed class EventScan(TemporarySpace space, int spoolBytes) : IDisposable
{
    private const int ReadBufferBytes = 64 << 10;

    // Per revision: the revision, i64, the number of its pairs, i32, and their sub-revisions in key order, i32 each.
    private readonly Spool _orders = new(space, spoolBytes);

    // Revision, i64, sub-revision, i32, bytes of the key, i32, key.
    private readonly Spool _tombstones = new(space, spoolBytes);

    // The puts of the revision that is being read; their number is bounded by the size of a request.
    private readonly ByteWriter _keys = new();
    private readonly List<Put> _puts = [];

    // Whether they are numbered by key so far.
    private bool _isOrderOfKeys = true;

    // A loop of its own: it is to be compiled as such, not when it has been called often.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(IStoreSnapshot snapshot, long compactedRevision, CancellationToken cancellationToken)
    {
        if (compactedRevision > 0)
        {
            ScanCompacted(snapshot, compactedRevision);
        }

        using var events = snapshot.ScanOnce(Family.Events, StoredEvent.Key(Math.Max(0, compactedRevision + 1), 0));
        long current = -1;
        var count = 0;
        while (events.MoveOn(cancellationToken))
        {
            if ((++count & 0xfff) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            var revision = BinaryPrimitives.ReadInt64BigEndian(events.Key);
            if (revision != current)
            {
                EndRevision(current);
                current = revision;
            }

            var key = ChangedKey(events, out var sub, out var isDelete);
            if (isDelete)
            {
                AddTombstone(revision, sub, key);
            }
            else
            {
                AddPut(sub, key);
            }
        }

        EndRevision(current);
    }

    public SpoolReader ReadOrders() => new(_orders, 0, _orders.Length, ReadBufferBytes);

    public SpoolReader ReadTombstones() => new(_tombstones, 0, _tombstones.Length, ReadBufferBytes);

    public void Dispose()
    {
        _orders.Dispose();
        _tombstones.Dispose();
    }

    /// <summary>
    /// A key may be put and deleted in one txn, though each at most once: then the later of the two is what there was. Puts are few; so
    /// their keys are read first, then everything is decided with these at hand.
    /// </summary>
    private void ScanCompacted(IStoreSnapshot snapshot, long revision)
    {
        var puts = new Dictionary<ByteString, int>();
        using (var events = snapshot.Scan(Family.Events, StoredEvent.Key(revision, 0), StoredEvent.Key(revision + 1, 0)))
        {
            while (events.MoveNext())
            {
                var key = ChangedKey(events, out var sub, out var isDelete);
                if (!isDelete)
                {
                    puts[ByteString.CopyFrom(key)] = sub;
                }
            }
        }

        using (var events = snapshot.Scan(Family.Events, StoredEvent.Key(revision, 0), StoredEvent.Key(revision + 1, 0)))
        {
            while (events.MoveNext())
            {
                var key = ChangedKey(events, out var sub, out var isDelete);
                if (!isDelete)
                {
                    continue;
                }

                var changed = ByteString.CopyFrom(key);
                if (puts.TryGetValue(changed, out var putSub) && putSub > sub)
                {
                    continue;
                }

                puts.Remove(changed);
                AddTombstone(revision, sub, key);
            }
        }

        foreach (var (key, sub) in puts)
        {
            AddPut(sub, key.Span);
        }

        EndRevision(revision);
    }

    private static ReadOnlySpan<byte> ChangedKey(IStoreCursor events, out int sub, out bool isDelete)
    {
        var reader = new ByteReader(events.Value);
        isDelete = reader.Byte() != 0;
        reader.Varint();
        sub = BinaryPrimitives.ReadInt32BigEndian(events.Key[sizeof(long)..]);
        return reader.Rest;
    }

    private void AddPut(int sub, ReadOnlySpan<byte> key)
    {
        _isOrderOfKeys &= sub == _puts.Count && (sub == 0 || KeyOf(_puts[^1]).SequenceCompareTo(key) < 0);
        _puts.Add(new Put(_keys.Written.Length, key.Length, sub));
        _keys.Bytes(key);
    }

    private void AddTombstone(long revision, int sub, ReadOnlySpan<byte> key)
    {
        Span<byte> head = stackalloc byte[sizeof(long) + sizeof(int) + sizeof(int)];
        BinaryPrimitives.WriteInt64LittleEndian(head, revision);
        BinaryPrimitives.WriteInt32LittleEndian(head[sizeof(long)..], sub);
        BinaryPrimitives.WriteInt32LittleEndian(head[(sizeof(long) + sizeof(int))..], key.Length);
        _tombstones.Write(head);
        _tombstones.Write(key);
    }

    private void EndRevision(long revision)
    {
        if (!_isOrderOfKeys)
        {
            _puts.Sort((x, y) => KeyOf(x).SequenceCompareTo(KeyOf(y)));
            Span<byte> bytes = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, revision);
            _orders.Write(bytes);
            WriteInt32(_puts.Count);
            foreach (var put in _puts)
            {
                WriteInt32(put.Sub);
            }
        }

        _puts.Clear();
        _keys.Clear();
        _isOrderOfKeys = true;
    }

    private void WriteInt32(int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _orders.Write(bytes);
    }

    private ReadOnlySpan<byte> KeyOf(in Put put) => _keys.Written.Slice(put.KeyStart, put.KeyBytes);

    private readonly record struct Put(int KeyStart, int KeyBytes, int Sub);
}
