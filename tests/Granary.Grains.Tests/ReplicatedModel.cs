using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;

namespace Granary.Grains.Tests;

/// <summary>A replica and the model, written to alike, as a log would.</summary>
internal sealed class ReplicatedModel : IDisposable
{
    private readonly AppliedLog _log;
    private readonly int _listedDeletions;

    /// <param name="listedDeletions">A deletion of more keys is one of many, which the store gets to bit by bit.</param>
    public ReplicatedModel(int listedDeletions = int.MaxValue - 1)
    {
        _log = new AppliedLog(Replica);
        _listedDeletions = listedDeletions;
    }

    // A feed of next to nothing, so that those who lag read from the store.
    public Replica Replica { get; } = new(new MemoryStore(), feedBytes: 2048);

    public ModelStore Model { get; } = new();

    public void Write(IMessage request)
    {
        using var view = Replica.View();
        var evaluation = new BatchEvaluation(view, decidesLarge: true, _listedDeletions);
        try
        {
            evaluation.Write(request, Caller.Server, CancellationToken.None);
            Model.Write(request);
        }
        catch (EtcdException)
        {
            return;
        }

        _log.Apply(evaluation);
    }

    /// <summary>Goes on with the deletion that is on its way into the store, if there is one.</summary>
    public void ApplyDeferred(int maxChanges)
    {
        if (Replica.HasDeferred)
        {
            Replica.ApplyDeferred(maxChanges);
            Replica.Publish();
        }
    }

    public void Compact(long revision)
    {
        if (CompactionRules.Check(revision, Model.CompactedRevision, Model.Revision) is null)
        {
            Model.Compact(revision);
            _log.Apply(new CompactionRecord(revision));
        }
    }

    public void Dispose() => Replica.Dispose();
}
