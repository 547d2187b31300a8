using System.Buffers.Binary;
using System.Diagnostics;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// Removes what a compaction has made unreadable: walks the events up to the compacted revision in small steps beside the traffic
/// and deletes just the pairs that they superseded. Where it is, it remembers in the store itself, in the batch that does the step.
/// </summary>
/// <param name="replica">The replica to compact.</param>
/// <param name="eventsPerStep">How many events one step looks at.</param>
public sealed class PhysicalCompaction(Replica replica, int eventsPerStep)
{
    private readonly ByteWriter _key = new();

    // When the compaction at work began.
    private long _start;

    // The first event that the next step looks at.
    private EventPlace _position;

    private static ReadOnlySpan<byte> DoneKey => "compacted"u8;

    /// <summary>The revision up to which everything unreadable is gone; -1 before the first compaction.</summary>
    public long DoneRevision { get; private set; } = ReadDone(replica);

    public bool IsDone => DoneRevision >= replica.State.CompactedRevision;

    /// <summary>Removes a little more; true once nothing is left to do.</summary>
    /// <param name="target">Where to end, if that is before the compacted revision.</param>
    /// <exception cref="StoreFullException">The disk is full. Nothing was removed; the same step can be tried again.</exception>
    public bool Step(long target = long.MaxValue)
    {
        using var view = replica.View();
        target = Math.Min(target, view.CompactedRevision);
        if (DoneRevision >= target)
        {
            return true;
        }

        // What the store has not done with can't be removed from it.
        if (view.State.Deferred.Count > 0 && view.State.Deferred[0].Revision <= target)
        {
            return false;
        }

        var stepStart = Stopwatch.GetTimestamp();
        _start = _start == 0 ? stepStart : _start;
        using var batch = replica.Store.CreateBatch();
        StoredEvent? last = null;
        var count = 0;
        var removed = 0;
        foreach (var @event in view.Events(_position, target))
        {
            if (count++ == eventsPerStep)
            {
                break;
            }

            if (@event.PreviousModRevision != 0)
            {
                _key.Clear();
                HistoryKey.Write(_key, @event.ChangedKey.Span, @event.PreviousModRevision);
                batch.Delete(Family.History, _key.Written);
                removed++;
            }

            last = @event;
        }

        var done = count <= eventsPerStep;
        var position = done ? new EventPlace(target) : EventPlace.Behind(last!.Value);

        // The events of the compacted revision itself stay: a watch may still start there.
        batch.DeleteRange(Family.Events, StoredEvent.Key(0, 0), StoredEvent.Key(Math.Min(position.Revision, target), 0));
        if (done)
        {
            var value = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(value, target);
            batch.Put(Family.Meta, DoneKey, value);
        }

        replica.Store.Write(batch);
        _position = position;
        StorageMetrics.Compacted.Add(removed);
        StorageMetrics.CompactionStep.Record(Stopwatch.GetElapsedTime(stepStart).TotalMilliseconds);
        if (done)
        {
            DoneRevision = target;
            StorageMetrics.Compaction.Record(Stopwatch.GetElapsedTime(_start).TotalMilliseconds);
            _start = 0;
        }

        return done && IsDone;
    }

    /// <summary>Gives the freed space back to the file system.</summary>
    /// <exception cref="IOException">Not all of it could be given back; the data is as it was.</exception>
    public void Reclaim() => replica.Reclaim(Family.Events, Family.History);

    private static long ReadDone(Replica replica)
    {
        using var snapshot = replica.Store.Snapshot();
        return snapshot.Read(Family.Meta, DoneKey, 0, static (value, _) => (object)BinaryPrimitives.ReadInt64BigEndian(value)) is long done ? done : -1;
    }
}
