using System.Text;
using Google.Protobuf;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// Verifies that the families of one state agree, in bounded memory: what an event names is there, and there is nothing that no event
/// names; what a lease holds and what is attached to it are the same.
/// </summary>
public sealed class ReplicaCheck
{
    private const int MaxFindings = 20;
    private const int ShownKeyBytes = 64;
    private const int EntriesPerReport = 1024;

    private readonly IStoreSnapshot _snapshot;
    private readonly Action<long>? _progress;
    private readonly CancellationToken _cancellationToken;
    private readonly ByteWriter _key = new();
    private readonly List<string> _findings = [];
    private long _found;
    private long _entries;

    // What the events from the compacted revision on must account for.
    private long _pairsWithEvents;
    private long _endsWithEvents;
    private long _attachedPairs;

    private ReplicaCheck(IStoreSnapshot snapshot, Action<long>? progress, CancellationToken cancellationToken)
    {
        _snapshot = snapshot;
        _progress = progress;
        _cancellationToken = cancellationToken;
        State = ReplicaState.Load(snapshot);
    }

    public ReplicaState State { get; }

    /// <summary>Pairs that are there now.</summary>
    public long Keys { get; private set; }

    /// <summary>Pairs that were superseded.</summary>
    public long Superseded { get; private set; }

    public long Events { get; private set; }

    public long Leases { get; private set; }

    /// <summary>All that does not agree.</summary>
    public long Found => _found;

    /// <summary>The first of them, each with its family and key.</summary>
    public IReadOnlyList<string> Findings => _findings;

    /// <param name="store">The store; nothing is written.</param>
    /// <param name="progress">Told of the entries that were looked at since it was told last.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">The state itself cannot be read.</exception>
    public static ReplicaCheck Run(IStore store, Action<long>? progress, CancellationToken cancellationToken)
    {
        using var snapshot = store.Snapshot();
        var check = new ReplicaCheck(snapshot, progress, cancellationToken);
        check.CheckLatest();
        check.CheckHistory();
        check.CheckEvents();
        check.CheckLeases();
        check.CheckAuth();
        progress?.Invoke(check._entries % EntriesPerReport);
        return check;
    }

    private void CheckLatest()
    {
        Each(Family.Latest, cursor =>
        {
            Keys++;
            var pair = PairCodec.Read(cursor.Value, ByteString.Empty, withValue: false);
            if (pair.ModRevision > State.Revision || pair.CreateRevision <= 0 || pair.CreateRevision > pair.ModRevision || pair.Version <= 0)
            {
                Find(Family.Latest, cursor.Key, $"created at {pair.CreateRevision}, changed at {pair.ModRevision}, version {pair.Version}, in a store of revision {State.Revision}");
            }

            _pairsWithEvents += pair.ModRevision > State.CompactedRevision ? 1 : 0;
            if (pair.Lease != 0 && !IsLeaving(cursor.Key, pair))
            {
                _attachedPairs++;
                _key.Clear();
                LeaseKey.Write(_key, pair.Lease, cursor.Key);
                if (!Has(Family.LeaseKeys, _key.Written))
                {
                    Find(Family.Latest, cursor.Key, $"names lease {pair.Lease:x16}, to which it is not attached");
                }
            }
        });
    }

    private void CheckHistory()
    {
        Each(Family.History, cursor =>
        {
            var reader = new ByteReader(cursor.Value);
            var end = reader.Varint();
            var modRevision = PairCodec.ReadModRevision(reader.Rest);

            // What a compaction has made unreadable goes away in steps.
            if (end <= State.CompactedRevision)
            {
                return;
            }

            Superseded++;
            _endsWithEvents++;
            _pairsWithEvents += modRevision > State.CompactedRevision ? 1 : 0;
            if (modRevision != HistoryKey.ModRevision(cursor.Key) || end < modRevision || end > State.Revision)
            {
                Find(Family.History, HistoryKey.Key(cursor.Key), $"the pair stored for revision {HistoryKey.ModRevision(cursor.Key)} says that it is of {modRevision} and ended at {end}");
            }
        });
    }

    private void CheckEvents()
    {
        long puts = 0;
        long ends = 0;

        // Of a bulk deletion, pairs may have left that have no event yet.
        foreach (var deletion in State.Deferred)
        {
            ends += deletion.Revision > State.CompactedRevision ? deletion.Moved.Count : 0;
        }

        Each(Family.Events, cursor =>
        {
            var change = StoredEvent.Read(cursor.Key, cursor.Value);
            if (change.Revision > State.Revision)
            {
                Find(Family.Events, change.ChangedKey.Span, $"an event of revision {change.Revision} in a store of revision {State.Revision}");
            }

            // Of the compacted revision and before, what was superseded may be gone.
            if (change.Revision <= State.CompactedRevision)
            {
                return;
            }

            Events++;
            if (!change.IsDelete)
            {
                puts++;
                if (LatestModRevision(change.ChangedKey) != change.Revision && EndOf(change.ChangedKey, change.Revision) is null)
                {
                    Find(Family.Events, change.ChangedKey.Span, $"was put at revision {change.Revision}, but that pair is missing");
                }
            }
            else if (LatestModRevision(change.ChangedKey) is { } now && now < change.Revision)
            {
                Find(Family.Events, change.ChangedKey.Span, $"was deleted at revision {change.Revision}, but its pair of revision {now} is there");
            }

            if (change.PreviousModRevision != 0)
            {
                ends++;
                if (EndOf(change.ChangedKey, change.PreviousModRevision) is not { } end || end != change.Revision)
                {
                    Find(Family.Events, change.ChangedKey.Span, $"superseded the pair of revision {change.PreviousModRevision} at {change.Revision}, which history does not know");
                }
            }
        });
        Count(puts, _pairsWithEvents, "puts in the events", "pairs behind the compacted revision");
        Count(ends, _endsWithEvents, "pairs that events say were superseded", "superseded pairs in history");
    }

    private void CheckLeases()
    {
        Each(Family.Leases, cursor =>
        {
            Leases++;
            if (cursor.Key.Length != LeaseKey.Length || new ByteReader(cursor.Value).Varint() <= 0)
            {
                Find(Family.Leases, cursor.Key, "is no id, or has no time to live");
            }
        });
        long attached = 0;
        Each(Family.LeaseKeys, cursor =>
        {
            var lease = LeaseKey.Id(cursor.Key);
            var key = ByteString.CopyFrom(cursor.Key[LeaseKey.Length..]);
            var held = _snapshot.Read(Family.Latest, key.Span, key, static (stored, key) => PairCodec.Read(stored, key, withValue: false));
            if (held is not null && IsLeaving(key.Span, held))
            {
                return;
            }

            attached++;
            if (held?.Lease != lease)
            {
                Find(Family.LeaseKeys, key.Span, $"is attached to lease {lease:x16}, but {(held is null ? "is not there" : $"names lease {held.Lease:x16}")}");
            }
            else if (!HasLease(lease) && !cursor.Value.SequenceEqual(LeaseKey.WithoutLease))
            {
                Find(Family.LeaseKeys, key.Span, $"is attached to lease {lease:x16}, which is not there");
            }
        });
        Count(attached, _attachedPairs, "keys attached to leases", "keys that name a lease");
    }

    private void CheckAuth()
    {
        AuthRecords.ReadState(_snapshot);
        foreach (var (name, message) in AuthRecords.Read(_snapshot, AuthRecords.User))
        {
            Parse(Protos.User.Parser, name, message);
        }

        foreach (var (name, message) in AuthRecords.Read(_snapshot, AuthRecords.Role))
        {
            Parse(Protos.Role.Parser, name, message);
        }
    }

    private void Parse(MessageParser parser, byte[] name, byte[] message)
    {
        try
        {
            parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException exception)
        {
            Find(Family.Auth, name, exception.Message);
        }
    }

    private void Each(Family family, Action<IStoreCursor> look)
    {
        using var cursor = _snapshot.ScanOnce(family);
        while (cursor.MoveNext())
        {
            if (++_entries % EntriesPerReport == 0)
            {
                _cancellationToken.ThrowIfCancellationRequested();
                _progress?.Invoke(EntriesPerReport);
            }

            try
            {
                look(cursor);
            }
            catch (Exception exception) when (exception is InvalidDataException or ArgumentException or IndexOutOfRangeException)
            {
                Find(family, cursor.Key, $"cannot be read: {exception.Message}");
            }
        }
    }

    /// <summary>Whether a pair has been deleted and only waits to be taken out of the store.</summary>
    private bool IsLeaving(ReadOnlySpan<byte> key, KeyValue pair) =>
        DeferredDeletion.Find(State.Deferred, key, pair.ModRevision, pair.Lease) >= 0;

    private bool Has(Family family, ReadOnlySpan<byte> key) => _snapshot.Read(family, key, 0, static (_, _) => string.Empty) is not null;

    private bool HasLease(long id)
    {
        Span<byte> key = stackalloc byte[LeaseKey.Length];
        LeaseKey.Write(key, id);
        return Has(Family.Leases, key);
    }

    private long? LatestModRevision(ByteString key) =>
        (long?)_snapshot.Read(Family.Latest, key.Span, 0, static (stored, _) => (object)PairCodec.ReadModRevision(stored));

    /// <summary>The revision that ended the pair of a mod revision; null when history has no such pair.</summary>
    private long? EndOf(ByteString key, long modRevision)
    {
        _key.Clear();
        HistoryKey.Write(_key, key.Span, modRevision);
        return (long?)_snapshot.Read(Family.History, _key.Written, 0, static (stored, _) => (object)new ByteReader(stored).Varint());
    }

    // Each of the one was found among the other: with equal counts there is none of the other that was not.
    private void Count(long named, long there, string whatNames, string whatIsThere)
    {
        if (named != there)
        {
            Add($"there are {named} {whatNames}, but {there} {whatIsThere}");
        }
    }

    private void Find(Family family, ReadOnlySpan<byte> key, string what)
    {
        var shown = Encoding.UTF8.GetString(key[..Math.Min(key.Length, ShownKeyBytes)]);
        Add($"{family}: key \"{(shown.Any(char.IsControl) ? Convert.ToHexStringLower(key[..Math.Min(key.Length, ShownKeyBytes)]) : shown)}\": {what}");
    }

    private void Add(string finding)
    {
        if (_found++ < MaxFindings)
        {
            _findings.Add(finding);
        }
    }
}
