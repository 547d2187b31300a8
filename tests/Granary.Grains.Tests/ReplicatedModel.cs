using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;

namespace Granary.Grains.Tests;

/// <summary>A replica and the model, written to alike, as a log would.</summary>
internal sealed class ReplicatedModel : IDisposable
{
    private readonly AppliedLog _log;

    public ReplicatedModel() => _log = new AppliedLog(Replica);

    // A feed of next to nothing, so that those who lag read from the store.
    public Replica Replica { get; } = new(new MemoryStore(), feedBytes: 2048);

    public ModelStore Model { get; } = new();

    public void Write(IMessage request)
    {
        using var view = Replica.View();
        var evaluation = new BatchEvaluation(view);
        try
        {
            evaluation.Write(request, CancellationToken.None);
            Model.Write(request);
        }
        catch (EtcdException)
        {
            return;
        }

        _log.Apply(evaluation);
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
