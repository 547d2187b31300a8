using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// A deletion of many keys that is decided beside its range's batches, on one state, and written if no batch since has changed what it
/// rests on. For the keys of a lease the log sees to that; for a range of keys it is noted here.
/// </summary>
internal sealed class LargeDeletion : IDisposable
{
    /// <summary>So often it is decided beside the batches; if they write to its keys each time, they have to wait for it.</summary>
    public const int MaxAttempts = 3;

    // Changes since that are looked through while the range waits; after more it is decided anew.
    private const int MaxLooked = 20_000;

    private readonly KeyRange? _keys;

    public LargeDeletion(PendingWrite write, ReplicaView view, int listedDeletions)
    {
        Write = write;
        View = view;
        Evaluation = new BatchEvaluation(view, decidesLarge: true, listedDeletions);
        _keys = write.Request is DeleteRangeRequest delete ? new KeyRange(delete.Key, delete.RangeEnd) : null;
    }

    public PendingWrite Write { get; }

    public ReplicaView View { get; }

    public BatchEvaluation Evaluation { get; }

    /// <summary>Decides it, on a thread of its own: it takes long, and those of the pool are for what is short.</summary>
    public Task Decide() => Task.Factory.StartNew(
        () => Write.TryDecide(Evaluation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Whether what it rests on may have changed.</summary>
    public bool IsOutdated { get; private set; }

    /// <summary>Notes what a batch has changed that was written since. What it deleted as a whole may be anything.</summary>
    public void Note(BatchEvaluation written)
    {
        if (_keys is { } keys && !IsOutdated)
        {
            IsOutdated = written.Commits.Any(commit => commit.Any(change => change.Bulk is not null || keys.Contains(change.Pair.Key)));
        }
    }

    /// <summary>Notes what has been written since, whoever wrote it.</summary>
    public void Note(ReplicaView now)
    {
        if (_keys is { } keys && !IsOutdated)
        {
            var looked = 0;
            IsOutdated = now.CompactedRevision > View.Revision
                || now.Events(View.Revision + 1, now.Revision).Any(change => ++looked > MaxLooked || keys.Contains(change.ChangedKey));
        }
    }

    public void Dispose() => View.Dispose();
}
