using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

// Bulk deletions: visible from their commit on, and taken out of the store bit by bit.
public sealed partial class Replica
{
    // So many bulk deletions at once: each makes every look at a pair a little longer. Before one more the first of them is finished.
    private const int MaxDeferred = 16;

    // Of a deferred deletion: so much goes into one batch.
    private const int DeferredChangesPerStep = 512;
    private const int DeferredBytesPerStep = 1 << 20;

    // Those who wait for a state in which nothing is deferred.
    private readonly List<TaskCompletionSource<ReplicaView>> _settling = [];

    // Who waits to decide another bulk deletion.
    private TaskCompletionSource? _room;

    // Why nothing leaves the store any more, if that is so.
    private Exception? _stopped;

    /// <summary>
    /// Holds a state in which no bulk deletion is on its way out of the store, for those who read its families themselves. Waits for those
    /// that are; one that comes after them waits for this.
    /// </summary>
    /// <exception cref="Exception">What <see cref="StopDeferred"/> was given: some are on their way and will stay so.</exception>
    public async ValueTask<ReplicaView> SettledView(CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<ReplicaView>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_publishing)
        {
            if (State.Deferred.Count == 0)
            {
                return View();
            }

            if (_stopped is not null)
            {
                throw _stopped;
            }

            _settling.Add(waiter);
        }

        using var leaving = cancellationToken.UnsafeRegister(_ => Leave(), null);
        return await waiter.Task;

        void Leave()
        {
            lock (_publishing)
            {
                _settling.Remove(waiter);
            }

            waiter.TrySetCanceled(cancellationToken);
        }
    }

    /// <summary>
    /// Waits until another bulk deletion can be applied at once, without others having to leave the store first. A deletion that does not
    /// wait is applied all the same, but all that is committed with it waits for those others.
    /// </summary>
    public Task WaitForRoom()
    {
        lock (_publishing)
        {
            if (HasRoom || _stopped is not null)
            {
                return Task.CompletedTask;
            }

            return (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Nothing is applied any more, so what is on its way out of the store stays there: nobody is to wait for it.</summary>
    public void StopDeferred(Exception reason)
    {
        lock (_publishing)
        {
            _stopped = reason;
            foreach (var waiter in _settling)
            {
                waiter.TrySetException(reason);
            }

            _settling.Clear();
            ShowRoom();
        }
    }

    /// <summary>
    /// Takes a little more of a bulk deletion, which is visible since its commit, out of the store. Changes nothing that can be seen;
    /// goes into the store by <see cref="Publish"/>, before which nothing else is applied.
    /// </summary>
    /// <param name="maxChanges">How many keys at most, one at least; less when their values are large.</param>
    public void ApplyDeferred(int maxChanges = DeferredChangesPerStep)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxChanges, 1);
        using var view = View();
        if (!ReferenceEquals(view.State, _state))
        {
            throw new InvalidOperationException("What was applied before is to be published first.");
        }

        var deletion = _state.Deferred[0];
        using var cursor = deletion.Remaining(view.Snapshot, _state.Deferred);
        var moved = deletion.Moved;
        var sub = deletion.NextSub;
        var bytes = 0L;
        for (var i = 0; i < maxChanges && bytes < DeferredBytesPerStep; i++)
        {
            if (!cursor.MoveNext())
            {
                if (sub != deletion.EndSub)
                {
                    throw new InvalidOperationException(
                        $"Revision {deletion.Revision} was to delete {deletion.Deletion.Count} keys as a whole, but the replica had {sub - deletion.FirstSub}.");
                }

                deletion.Forget(_batch);
                _state = _state with { Deferred = [.. _state.Deferred.Skip(1)] };
                return;
            }

            if (cursor.IsMoved)
            {
                moved = moved.Remove(cursor.Key);
            }
            else
            {
                bytes += TakeOut(cursor.Key, view, deletion.Revision);
            }

            StoreEvent(deletion.Revision, sub++, isDelete: true, cursor.ModRevision, cursor.Key);
        }

        deletion = deletion with { Position = KeyRange.Successor(cursor.Key), NextSub = sub, Moved = moved };
        deletion.Store(_batch, _value);
        _state = _state with { Deferred = [deletion, .. _state.Deferred.Skip(1)] };
    }

    /// <summary>Makes room before a bulk deletion: for it, or for those who wait for a state without one.</summary>
    private void FinishDeferred()
    {
        int room;
        lock (_publishing)
        {
            room = Room;
        }

        if (_state.Deferred.Count < room)
        {
            return;
        }

        Publish();
        while (_state.Deferred.Count >= room)
        {
            ApplyDeferred();
            Publish();
        }
    }

    /// <summary>Leaves a bulk deletion to <see cref="ApplyDeferred"/>.</summary>
    private void Defer(BulkDeletion bulk, long revision, int sub)
    {
        var deletion = new DeferredDeletion(revision, sub, bulk);
        deletion.Store(_batch, _value);
        _state = _state with { Deferred = [.. _state.Deferred, deletion] };

        // What the very commit has put before can't be told by its revision from what it puts behind.
        foreach (var (key, pair) in _pending.ToArray())
        {
            if (pair?.ModRevision == revision && bulk.Covers(key, pair.Lease))
            {
                MoveAhead(_state.Deferred.Count - 1, pair);
            }
        }
    }

    /// <summary>Takes a pair that a bulk deletion has deleted out of the store before its turn; its event stays behind.</summary>
    private void MoveAhead(int at, KeyValue pair)
    {
        var deletion = _state.Deferred[at];
        StoreSuperseded(pair.Key, pair, deletion.Revision);
        TakeOut(pair.Key, pair.Lease);
        _pending[pair.Key] = null;
        deletion.StoreMoved(_batch, _value, pair.Key, pair.ModRevision);
        var deferred = _state.Deferred.ToArray();
        deferred[at] = deletion with { Moved = deletion.Moved.Add(pair.Key, pair.ModRevision) };
        _state = _state with { Deferred = deferred };
    }

    /// <summary>Moves the newest pair of a key, which was deleted at a revision, to the history; returns its size in bytes.</summary>
    private int TakeOut(ByteString key, ReplicaView view, long revision)
    {
        _value.Clear();
        _value.Varint(revision);
        var start = _value.Written.Length;
        view.CopyNewest(key, _value);
        var (modRevision, lease) = PairCodec.ReadModRevisionAndLease(_value.Written[start..]);
        _key.Clear();
        HistoryKey.Write(_key, key.Span, modRevision);
        _batch.Put(Family.History, _key.Written, _value.Written);
        TakeOut(key, lease);
        return key.Length + _value.Written.Length;
    }

    private void TakeOut(ByteString key, long lease)
    {
        Attach(key, lease, 0);
        _batch.Delete(Family.Latest, key.Span);
        _deletes++;
    }

    // Where so many are deferred there is no room for another: whoever waits for a state without any is not to wait for those that come later.
    private int Room => _settling.Count > 0 ? 1 : MaxDeferred;

    private bool HasRoom => State.Deferred.Count < Room;

    private void ShowRoom()
    {
        _room?.TrySetResult();
        _room = null;
    }

    private void ShowSettled()
    {
        foreach (var waiter in _settling)
        {
            var view = View();
            if (!waiter.TrySetResult(view))
            {
                view.Dispose();
            }
        }

        _settling.Clear();
    }
}
