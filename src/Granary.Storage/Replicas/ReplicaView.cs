using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// One state of a replica, shared by all who read it: data, revision and compaction are of the same moment.
/// Counted; the storage snapshot is freed when the last holder lets go.
/// </summary>
public sealed class ReplicaView : IKeyspaceView, IDisposable
{
    private const int EntriesPerLook = 1024;

    private const int MaxChangesOfTxn = 1 << 16;

    // Attachments that a batch looks through itself.
    private const int MaxAttachedLook = 8192;

    private readonly IStoreSnapshot _snapshot;
    private readonly KeyCounts _counts;
    private readonly Action _onFreed;
    private int _holders = 1;

    internal ReplicaView(IStoreSnapshot snapshot, ReplicaState state, KeyCounts counts, Action onFreed)
    {
        _snapshot = snapshot;
        _counts = counts;
        _onFreed = onFreed;
        State = state;
    }

    public ReplicaState State { get; }

    internal IStoreSnapshot Snapshot => _snapshot;

    public long Revision => State.Revision;

    public long CompactedRevision => State.CompactedRevision;

    public bool HasAlarm(AlarmType kind) => State.HasAlarm(kind);

    public AuthState Auth => State.Auth;

    public bool HasLease(long id) => GrantedTtlSeconds(id) != 0;

    /// <summary>The time to live that a lease was granted, or 0 when there is no such lease.</summary>
    public long GrantedTtlSeconds(long id)
    {
        Span<byte> key = stackalloc byte[LeaseKey.Length];
        LeaseKey.Write(key, id);
        return _snapshot.Read(Family.Leases, key, 0, static (value, _) => (object)new ByteReader(value).Varint()) is long ttl ? ttl : 0;
    }

    /// <summary>All leases, by id.</summary>
    public IEnumerable<LeaseChange> Leases()
    {
        using var cursor = _snapshot.Scan(Family.Leases, [], null);
        while (cursor.MoveNext())
        {
            yield return new LeaseChange(LeaseKey.Id(cursor.Key), new ByteReader(cursor.Value).Varint());
        }
    }

    /// <summary>Whether one of some keys is attached to a lease.</summary>
    public bool HasAttached(long lease, KeyRange keys)
    {
        var start = new ByteWriter();
        LeaseKey.Write(start, lease, keys.Start.Span);
        byte[]? end = LeaseKey.Behind(lease);
        if (keys.ExclusiveEnd() is { } exclusive)
        {
            var bound = new ByteWriter();
            LeaseKey.Write(bound, lease, exclusive.Span);
            end = bound.Written.ToArray();
        }

        using var cursor = _snapshot.Scan(Family.LeaseKeys, start.Written, end);
        while (cursor.MoveNext())
        {
            if (IsAttached(cursor.Key))
            {
                return true;
            }
        }

        return false;
    }

    public IReadOnlyList<ByteString> AttachedKeys(long lease, int max = int.MaxValue) => [.. Attached(lease, CancellationToken.None).Take(max)];

    /// <summary>The keys attached to a lease, in key order.</summary>
    public IEnumerable<ByteString> Attached(long lease, CancellationToken cancellationToken)
    {
        using var cursor = _snapshot.Scan(Family.LeaseKeys, LeaseKey.Of(lease), LeaseKey.Behind(lease));
        for (var looked = 1; cursor.MoveOn(cancellationToken); looked++)
        {
            if (looked % EntriesPerLook == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            if (IsAttached(cursor.Key))
            {
                yield return ByteString.CopyFrom(cursor.Key[LeaseKey.Length..]);
            }
        }
    }

    public ByteString? NextAttached(long lease, ByteString from)
    {
        var start = new ByteWriter();
        LeaseKey.Write(start, lease, from.Span);
        using var cursor = _snapshot.Scan(Family.LeaseKeys, start.Written, LeaseKey.Behind(lease));
        for (var looked = 0; cursor.MoveNext(); looked++)
        {
            if (looked >= EntriesPerLook || IsAttached(cursor.Key))
            {
                return ByteString.CopyFrom(cursor.Key[LeaseKey.Length..]);
            }
        }

        return null;
    }

    public bool HasVeryManyAttached(long lease)
    {
        using var cursor = _snapshot.Scan(Family.LeaseKeys, LeaseKey.Of(lease), LeaseKey.Behind(lease));
        var looked = 0;
        while (looked <= MaxAttachedLook && cursor.MoveNext())
        {
            looked++;
        }

        return looked > MaxAttachedLook;
    }

    public AttachedCount CountAttached(long lease, CancellationToken cancellationToken)
    {
        var count = 0;
        var first = ByteString.Empty;
        var last = ByteString.Empty;
        foreach (var key in Attached(lease, cancellationToken))
        {
            first = count++ == 0 ? key : first;
            last = key;
        }

        return new AttachedCount(count, first, last);
    }

    public KeyValue? Find(ByteString key, long revision)
    {
        var latest = FindNewest(key);
        return latest is not null && latest.ModRevision <= revision
            && !DeferredDeletion.Hide(State.Deferred, key.Span, latest.ModRevision, latest.Lease, revision) ? latest
            : revision >= Revision ? null
            : FindSuperseded(key, revision);
    }

    public IPairCursor Scan(KeyRange keys, long revision)
    {
        // Every pair that is there now is old enough for the current revision: no need to look.
        var isCurrent = revision >= Revision;
        var latest = new LatestCursor(
            _snapshot.Scan(Family.Latest, keys.Start.Span, keys.ExclusiveEnd()?.ToByteArray()), isCurrent ? long.MaxValue : revision, State.Deferred);
        return isCurrent ? latest : new HistoricalCursor(latest, new SupersededCursor(_snapshot, keys, revision));
    }

    // While a deletion of very many keys is on its way, nobody knows which of them a part still shows.
    public KeyCount Counted(KeyRange keys, long revision) => State.Deferred.Count > 0 ? new KeyCount(0, [keys]) : _counts.Count(keys, revision);

    public void Remember(KeyRange keys, long revision, IReadOnlyList<CountedPart> parts)
    {
        if (State.Deferred.Count == 0)
        {
            _counts.Remember(keys, revision, parts);
        }
    }

    /// <summary>What changed at the revisions from <paramref name="first"/> to <paramref name="last"/>, in order.</summary>
    public IEnumerable<StoredEvent> Events(long first, long last) => Events(new EventPlace(first), last);

    /// <summary>What changed from a place on, up to the revision <paramref name="last"/>, in order.</summary>
    public IEnumerable<StoredEvent> Events(EventPlace from, long last)
    {
        var end = last == long.MaxValue ? null : StoredEvent.Key(last + 1, 0);
        var start = StoredEvent.Key(from.Revision, from.Sub);
        if (State.Deferred.Count == 0)
        {
            return EventsInStore(start, end);
        }

        // Where a deletion is on its way into the store, the rest of its events comes from there.
        var events = Enumerable.Empty<StoredEvent>();
        foreach (var deletion in State.Deferred)
        {
            if (deletion.Revision <= last && from.IsBefore(new EventPlace(deletion.Revision, deletion.EndSub)))
            {
                events = events.Concat(EventsInStore(start, StoredEvent.Key(deletion.Revision, deletion.NextSub)))
                    .Concat(deletion.Events(_snapshot, State.Deferred, from));
                start = StoredEvent.Key(deletion.Revision, deletion.EndSub);
            }
        }

        return events.Concat(EventsInStore(start, end));
    }

    /// <summary>
    /// What a watch from <paramref name="from"/> is told of, up to <paramref name="last"/>: of the compacted revision itself only the last
    /// change of each key, since what it superseded may be gone.
    /// </summary>
    public IEnumerable<StoredEvent> WatchedEvents(EventPlace from, long last)
    {
        if (from.Revision > CompactedRevision)
        {
            return Events(from, last);
        }

        // A commit of more changes than are looked through is a bulk deletion: no key of it comes twice.
        var atCompaction = Events(CompactedRevision, CompactedRevision).Take(MaxChangesOfTxn + 1).ToList();
        if (atCompaction.Count > MaxChangesOfTxn)
        {
            return Events(from.Revision < CompactedRevision ? new EventPlace(CompactedRevision) : from, last);
        }

        var final = atCompaction.GroupBy(@event => @event.ChangedKey, (_, changes) => changes.Last())
            .Where(@event => from.Revision < CompactedRevision || @event.Sub >= from.Sub).OrderBy(@event => @event.Sub);
        return final.Concat(Events(CompactedRevision + 1, last));
    }

    /// <summary>
    /// The change as watchers are told of it: of a delete only key and mod revision; with <paramref name="withPrevious"/> also the pair
    /// that the key had before this revision, unless that is compacted or the change a create.
    /// </summary>
    /// <param name="change">The change.</param>
    /// <param name="withPrevious">Whether the pair before is wanted.</param>
    /// <param name="readable">The compacted revision, or an earlier one from which on the store is known to have everything still.</param>
    public Event ReadEvent(in StoredEvent change, bool withPrevious, long? readable = null)
    {
        var key = change.ChangedKey;
        var pair = change.IsDelete ? new KeyValue { Key = key, ModRevision = change.Revision } : FindExactly(key, change.Revision);
        var message = new Event { Type = change.IsDelete ? Event.Types.EventType.Delete : Event.Types.EventType.Put, Kv = pair };
        var isCreate = !change.IsDelete && pair.CreateRevision == change.Revision;
        if (withPrevious && change.PreviousModRevision != 0 && !isCreate && change.Revision - 1 >= (readable ?? CompactedRevision))
        {
            message.PrevKv = change.PreviousModRevision < change.Revision
                ? FindExactly(key, change.PreviousModRevision)
                : Find(key, change.Revision - 1);
        }

        return message;
    }

    /// <summary>The newest pair of a key that the store shows, also one that is deleted and has not left yet.</summary>
    internal KeyValue? FindNewest(ByteString key) =>
        _snapshot.Read(Family.Latest, key.Span, key, static (stored, key) => PairCodec.Read(stored, key));

    /// <summary>Writes the newest pair of a key that the store shows to <paramref name="target"/>, as it is stored.</summary>
    internal void CopyNewest(ByteString key, ByteWriter target) => _snapshot.Read(Family.Latest, key.Span, target, static (stored, target) =>
    {
        target.Bytes(stored);
        return target;
    });

    /// <summary>Gives back one hold.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            _snapshot.Dispose();
            _onFreed();
        }
    }

    internal bool TryHold()
    {
        for (var holders = Volatile.Read(ref _holders); holders > 0; holders = Volatile.Read(ref _holders))
        {
            if (Interlocked.CompareExchange(ref _holders, holders + 1, holders) == holders)
            {
                return true;
            }
        }

        return false;
    }

    private IEnumerable<StoredEvent> EventsInStore(byte[] start, byte[]? end)
    {
        if (end is not null && start.AsSpan().SequenceCompareTo(end) >= 0)
        {
            yield break;
        }

        using var cursor = _snapshot.Scan(Family.Events, start, end);
        while (cursor.MoveNext())
        {
            yield return StoredEvent.Read(cursor.Key, cursor.Value);
        }
    }

    /// <summary>Whether a key that the store shows as attached to a lease has not been deleted as one of many.</summary>
    private bool IsAttached(ReadOnlySpan<byte> leaseKey)
    {
        if (State.Deferred.Count == 0)
        {
            return true;
        }

        var key = leaseKey[LeaseKey.Length..];
        var newest = _snapshot.Read(Family.Latest, key, 0, static (stored, _) => PairCodec.Read(stored, ByteString.Empty, withValue: false));
        return newest is not null && DeferredDeletion.Find(State.Deferred, key, newest.ModRevision, newest.Lease) < 0;
    }

    /// <summary>The pair of one mod revision, wherever it is by now.</summary>
    private KeyValue FindExactly(ByteString key, long modRevision)
    {
        var latest = FindNewest(key);
        if (latest?.ModRevision == modRevision)
        {
            return latest;
        }

        var historyKey = new ByteWriter();
        HistoryKey.Write(historyKey, key.Span, modRevision);
        return _snapshot.Read(Family.History, historyKey.Written, key, static (stored, key) =>
        {
            var reader = new ByteReader(stored);
            reader.Varint();
            return PairCodec.Read(reader.Rest, key);
        }) ?? throw new InvalidDataException($"the store has no pair of mod revision {modRevision} for a key whose event it holds");
    }

    private KeyValue? FindSuperseded(ByteString key, long revision)
    {
        using var cursor = new SupersededCursor(_snapshot, new KeyRange(key, ByteString.Empty), revision);
        return cursor.MoveNext(CancellationToken.None) ? cursor.Read(withValue: true) : null;
    }
}
