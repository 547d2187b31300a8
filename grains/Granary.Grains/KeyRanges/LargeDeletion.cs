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
    private readonly KeyRange? _keys;

    public LargeDeletion(PendingWrite write, ReplicaView view)
    {
        Write = write;
        View = view;
        Evaluation = new BatchEvaluation(view);
        _keys = write.Request is DeleteRangeRequest delete ? new KeyRange(delete.Key, delete.RangeEnd) : null;
    }

    public PendingWrite Write { get; }

    public ReplicaView View { get; }

    public BatchEvaluation Evaluation { get; }

    /// <summary>Ends when it is decided.</summary>
    public Task Decision { get; set; } = Task.CompletedTask;

    /// <summary>Whether what it rests on may have changed.</summary>
    public bool IsOutdated { get; private set; }

    /// <summary>Notes what a batch has changed that was written since.</summary>
    public void Note(BatchEvaluation written)
    {
        if (_keys is { } keys && !IsOutdated)
        {
            IsOutdated = written.Commits.Any(commit => commit.Any(change => keys.Contains(change.Pair.Key)));
        }
    }

    /// <summary>Somebody else has written to the range.</summary>
    public void NoteUnknown() => IsOutdated = true;

    public void Dispose() => View.Dispose();
}
