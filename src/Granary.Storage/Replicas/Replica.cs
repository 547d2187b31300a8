using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// Owns one silo's materialised state: all records of the log up to its applied index, in order, each once, nothing else.
/// It decides nothing. One thread applies; any number read.
/// </summary>
public sealed partial class Replica : IDisposable
{
    private readonly IStore _store;
    private readonly IStoreBatch _batch;
    private readonly ByteWriter _key = new();
    private readonly ByteWriter _value = new();

    // What this batch of records has made of the keys it touched: the store does not show it before the batch is written.
    private readonly Dictionary<ByteString, KeyValue?> _pending = [];

    // The commits of this batch of records, for the feed.
    private readonly List<AppliedCommit> _applied = [];
    private readonly Action _onViewFreed;

    private readonly KeyCounts _counts;

    // Held while the store and the view of it change together.
    private readonly Lock _publishing = new();

    private ReplicaState _state;
    private bool _rangesChanged;

    // What was applied since the last time that it was counted.
    private long _puts;
    private long _putBytes;
    private long _deletes;
    private bool _membersChanged;
    private int _openViews;
    private volatile ReplicaView _current;

    /// <param name="store">Where the state is.</param>
    /// <param name="feedBytes">How much of the newest commits stays in memory for those who follow.</param>
    public Replica(IStore store, int feedBytes = 8 << 20)
    {
        _store = store;
        _batch = store.CreateBatch();
        _onViewFreed = () => Interlocked.Decrement(ref _openViews);
        using (var snapshot = store.Snapshot())
        {
            _state = ReplicaState.Load(snapshot);
        }

        _counts = new KeyCounts(_state.Revision);
        _current = NewView(_state);
        Feed = new CommitFeed(_state.Revision, feedBytes);
    }

    /// <summary>
    /// Asked when the store finds the disk full: waits a while, and says whether to try again. If not, or if there is nobody to ask, the
    /// failure is the caller's.
    /// </summary>
    public Func<StoreFullException, bool>? WhenFull { get; set; }

    /// <summary>The newest commits, each there once it is visible.</summary>
    public CommitFeed Feed { get; }

    /// <summary>The state after the last applied record.</summary>
    public ReplicaState State => _current.State;

    /// <summary>States that are held at this moment; 1 when nobody reads.</summary>
    public int OpenViewCount => Volatile.Read(ref _openViews);

    /// <summary>Whether records were applied since the last <see cref="Publish"/>.</summary>
    public bool HasUnpublished => _state.AppliedIndex != State.AppliedIndex;

    /// <summary>Whether there is a bulk deletion that the store has not done with: <see cref="ApplyDeferred"/> goes on with it.</summary>
    public bool HasDeferred => _state.Deferred.Count > 0;

    public IStore Store => _store;

    /// <summary>Holds the current state until it is disposed.</summary>
    public ReplicaView View()
    {
        while (true)
        {
            var current = _current;
            if (current.TryHold())
            {
                return current;
            }
        }
    }

    /// <summary>Applies the next record. It is seen by nobody before <see cref="Publish"/>.</summary>
    /// <exception cref="InvalidOperationException">The record does not follow on from the state: the replica must not go on.</exception>
    public void Apply(long index, LogRecord record)
    {
        if (index != _state.AppliedIndex + 1)
        {
            throw new InvalidOperationException($"Record {index} does not follow on from the applied index {_state.AppliedIndex}.");
        }

        if (_state.Deferred.Count > 0 && record is CommitsRecord { HasBulkDeletion: true })
        {
            FinishDeferred();
        }

        _state = _state with { AppliedIndex = index };
        switch (record)
        {
            case CommitsRecord commits:
                Apply(commits);
                break;
            case CompactionRecord compaction:
                _state = _state with { CompactedRevision = compaction.Revision };
                break;
            case TermRecord term:
                _state = _state with { Term = term.Term, LeaderId = term.LeaderId, ClusterId = term.ClusterId, MemberId = term.MemberId, Ranges = term.Ranges };
                _rangesChanged = true;
                break;
            case PeerUrlsRecord peers:
                _state = _state with { PeerUrls = peers.Urls };
                _membersChanged = true;
                break;
            case AlarmRecord alarm:
                _state = _state with { Alarms = alarm.ApplyTo(_state.Alarms) };
                _membersChanged = true;
                break;
            case AuthRecord auth:
                _state = _state with { Auth = _state.Auth.With(auth.Change) };
                AuthRecords.Put(_batch, auth.Change);
                break;
        }
    }

    /// <summary>Makes all that was applied visible, in one step, and tells those who follow.</summary>
    /// <param name="span">The span of the commit, if a request in it is sampled.</param>
    public void Publish(ActivityContext span = default)
    {
        _state.Store(_batch, _value, _rangesChanged, _membersChanged);
        _rangesChanged = false;
        _membersChanged = false;
        _pending.Clear();
        _counts.Add(_applied);
        while (!TryShow(out var full))
        {
            if (WhenFull?.Invoke(full) is not true)
            {
                throw full;
            }
        }

        Count();
        if (_applied.Count > 0)
        {
            if (span != default)
            {
                for (var i = 0; i < _applied.Count; i++)
                {
                    _applied[i] = _applied[i] with { Span = span };
                }
            }

            Feed.Publish(_applied);
            _applied.Clear();
        }
    }

    /// <summary>Shows the same state from a new snapshot, so that the current one does not keep what was removed beneath it.</summary>
    public void Refresh()
    {
        lock (_publishing)
        {
            Show(State);
        }
    }

    /// <summary>Gives back the space of what was deleted in some families, beside the traffic. Takes its time.</summary>
    public void Reclaim(params ReadOnlySpan<Family> families)
    {
        StorageMetrics.RunningReclaims.Add(1);
        var start = Stopwatch.GetTimestamp();
        try
        {
            // What the current state still holds would not be given back.
            Refresh();
            foreach (var family in families)
            {
                _store.Reclaim(family);
            }
        }
        finally
        {
            StorageMetrics.RunningReclaims.Add(-1);
            StorageMetrics.Reclaim.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>Puts the state on stable storage; returns the applied index that is safe there at least.</summary>
    /// <exception cref="StoreFullException">The disk is full.</exception>
    public long Flush()
    {
        var index = State.AppliedIndex;
        _store.Flush();
        return index;
    }

    public void Dispose()
    {
        _current.Dispose();
        _batch.Dispose();
        _store.Dispose();
    }

    private bool TryShow([NotNullWhen(false)] out StoreFullException? full)
    {
        lock (_publishing)
        {
            try
            {
                _store.Write(_batch);
            }
            catch (StoreFullException exception)
            {
                full = exception;
                return false;
            }

            Show(_state);
            if (_state.Deferred.Count == 0)
            {
                ShowSettled();
            }

            if (HasRoom)
            {
                ShowRoom();
            }
        }

        full = null;
        return true;
    }

    private void Count()
    {
        if (_puts > 0)
        {
            StorageMetrics.Puts.Add(_puts);
            StorageMetrics.PutBytes.Add(_putBytes);
        }

        if (_deletes > 0)
        {
            StorageMetrics.Deletes.Add(_deletes);
        }

        _puts = _putBytes = _deletes = 0;
    }

    private void Show(ReplicaState state)
    {
        var before = _current;
        _current = NewView(state);
        before.Dispose();
    }

    private ReplicaView NewView(ReplicaState state)
    {
        Interlocked.Increment(ref _openViews);
        return new ReplicaView(_store.Snapshot(), state, _counts, _onViewFreed);
    }

    private void Apply(CommitsRecord record)
    {
        if (record.FirstRevision != _state.Revision + 1)
        {
            throw new InvalidOperationException($"Revision {record.FirstRevision} does not follow on from revision {_state.Revision}.");
        }

        var revision = _state.Revision;
        foreach (var commit in record.Commits)
        {
            revision++;
            var sub = 0;
            Effect[]? completed = null;
            for (var i = 0; i < commit.Count; i++)
            {
                var effect = commit[i];
                if (effect.Bulk is { } bulk)
                {
                    Defer(bulk, revision, sub);
                }
                else
                {
                    var previous = Apply(effect, revision, sub);
                    if (!ReferenceEquals(previous, effect.Previous))
                    {
                        completed ??= [.. commit];
                        completed[i] = effect with { Previous = previous };
                    }
                }

                sub += effect.Count;
            }

            _applied.Add(new AppliedCommit(revision, completed ?? commit, default));
        }

        foreach (var change in record.LeaseChanges)
        {
            _key.Clear();
            LeaseKey.Write(_key, change.Id);
            if (change.TtlSeconds == 0)
            {
                _batch.Delete(Family.Leases, _key.Written);
            }
            else
            {
                _value.Clear();
                _value.Varint(change.TtlSeconds);
                _batch.Put(Family.Leases, _key.Written, _value.Written);
            }
        }

        _state = _state with { Revision = revision };
    }

    /// <summary>Applies one change; returns the pair that it superseded, or null.</summary>
    private KeyValue? Apply(in Effect effect, long revision, int sub)
    {
        var key = effect.Pair.Key;
        if (_state.Deferred.Count > 0 && effect.PreviousModRevision == 0 && Newest(key) is { } hidden)
        {
            var by = DeferredDeletion.Find(_state.Deferred, key.Span, hidden.ModRevision, hidden.Lease);
            if (by < 0)
            {
                throw new InvalidOperationException($"Revision {revision} creates a key that the replica holds since revision {hidden.ModRevision}.");
            }

            MoveAhead(by, hidden);
        }

        var previous = effect.PreviousModRevision != 0 ? Supersede(effect, revision) : null;
        Attach(key, previous?.Lease ?? 0, effect.Pair.Lease);

        if (effect.IsDelete)
        {
            _batch.Delete(Family.Latest, key.Span);
            _pending[key] = null;
            _deletes++;
        }
        else
        {
            _value.Clear();
            PairCodec.Write(_value, effect.Pair);
            _batch.Put(Family.Latest, key.Span, _value.Written);
            _pending[key] = effect.Pair;
            _puts++;
            _putBytes += key.Length + effect.Pair.Value.Length;
        }

        StoreEvent(revision, sub, effect.IsDelete, effect.PreviousModRevision, key);
        return previous;
    }

    private void StoreEvent(long revision, int sub, bool isDelete, long previousModRevision, ByteString key)
    {
        _key.Clear();
        _key.Int64BigEndian(revision);
        _key.Int32BigEndian(sub);
        _value.Clear();
        _value.Byte(isDelete ? (byte)1 : (byte)0);
        _value.Varint(previousModRevision);
        _value.Bytes(key.Span);
        _batch.Put(Family.Events, _key.Written, _value.Written);
    }

    private void Attach(ByteString key, long before, long now)
    {
        if (before == now)
        {
            return;
        }

        if (before != 0)
        {
            _key.Clear();
            LeaseKey.Write(_key, before, key.Span);
            _batch.Delete(Family.LeaseKeys, _key.Written);
        }

        if (now != 0)
        {
            _key.Clear();
            LeaseKey.Write(_key, now, key.Span);
            _batch.Put(Family.LeaseKeys, _key.Written, []);
        }
    }

    private KeyValue Supersede(in Effect effect, long revision)
    {
        var previous = effect.Previous ?? Newest(effect.Pair.Key);
        if (previous is null || previous.ModRevision != effect.PreviousModRevision)
        {
            throw new InvalidOperationException(
                $"Revision {revision} supersedes a pair of revision {effect.PreviousModRevision}, but the replica holds {previous?.ModRevision ?? 0}.");
        }

        StoreSuperseded(effect.Pair.Key, previous, revision);
        return previous;
    }

    private void StoreSuperseded(ByteString key, KeyValue pair, long revision)
    {
        _key.Clear();
        HistoryKey.Write(_key, key.Span, pair.ModRevision);
        _value.Clear();
        _value.Varint(revision);
        PairCodec.Write(_value, pair);
        _batch.Put(Family.History, _key.Written, _value.Written);
    }

    /// <summary>The newest pair of a key, also one that is deleted and has not left yet.</summary>
    private KeyValue? Newest(ByteString key)
    {
        if (_pending.TryGetValue(key, out var pending))
        {
            return pending;
        }

        using var view = View();
        return view.FindNewest(key);
    }
}
