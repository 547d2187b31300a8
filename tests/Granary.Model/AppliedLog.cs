using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Storage.Replicas;

namespace Granary.Model;

/// <summary>Applies records to a replica as a log would: founded first, each at the next index, each published.</summary>
public sealed class AppliedLog
{
    private readonly Replica _replica;
    private long _index;

    public AppliedLog(Replica replica)
    {
        _replica = replica;
        Apply(Founding);
    }

    public static TermRecord Founding { get; } = new(1, 33, 11, 22, RangeMap.SplitAt([]));

    /// <summary>Every record as it would stand on disk.</summary>
    public List<(long Index, byte[] Record)> Records { get; } = [];

    public void Apply(LogRecord record)
    {
        var writer = new ByteWriter();
        record.Encode(writer);
        Records.Add((++_index, writer.Written.ToArray()));
        _replica.Apply(_index, record);
        _replica.Publish();
    }

    /// <summary>Decides a request by itself, and applies what came of it.</summary>
    public void Write(IMessage request, CancellationToken cancellationToken)
    {
        using var view = _replica.View();
        var evaluation = new BatchEvaluation(view);
        evaluation.Write(request, Caller.Server, cancellationToken);
        Apply(evaluation);
    }

    /// <summary>Applies what was decided, if it changes anything.</summary>
    public void Apply(BatchEvaluation evaluation)
    {
        if (!evaluation.IsIdle)
        {
            Apply(new CommitsRecord(evaluation.FirstRevision, evaluation.Commits, evaluation.LeaseChanges));
        }
    }
}
