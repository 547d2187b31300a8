using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Storage.Replicas;

namespace Granary.Log.Commits;

/// <summary>
/// Gives records their places, one behind the other: it knows the newest of everything that a batch may rest on, also of what has its place and
/// is not applied yet, and refuses what rests on older facts.
/// </summary>
/// <param name="state">The state behind which the first record comes.</param>
internal sealed class Sequencer(ReplicaState state)
{
    private readonly LeaseFences _leases = new();
    private readonly long _rangeMapVersion = state.Ranges!.Version;
    private long _compactedRevision = state.CompactedRevision;
    private AuthState _auth = state.Auth;

    // The index of the last record that changed what may be written, an alarm or a right: what was decided before that is decided anew.
    private long _rulesIndex;

    /// <summary>The revision after everything that has its place in the log, applied or not.</summary>
    public long LastRevision { get; private set; } = state.Revision;

    /// <summary>Gives a record its place behind all others, or answers why it has none.</summary>
    public LogRecord? Place(PendingRecord pending, long term, DiskRoom room)
    {
        switch (pending)
        {
            case PendingCompaction compaction:
                if ((AccessRules.CheckAdmin(_auth, compaction.Caller)
                    ?? CompactionRules.Check(compaction.Revision, _compactedRevision, LastRevision)) is { } error)
                {
                    compaction.Fail(new EtcdException(error));
                    return null;
                }

                return new CompactionRecord(compaction.Revision);

            case PendingMemberRecord member:
                if (AccessRules.CheckAdmin(_auth, member.Caller) is { } denied)
                {
                    member.Fail(new EtcdException(denied));
                    return null;
                }

                return member.Content;

            case PendingAuthChange change:
                return change.Decide(_auth);

            case PendingBatch { Batch: var batch } waiting:
                if (batch.Term != term)
                {
                    waiting.Fail(new EtcdException(EtcdError.LeaderChanged));
                    return null;
                }

                if (room == DiskRoom.Compactions)
                {
                    waiting.Fail(new EtcdException(EtcdError.NoSpace));
                    return null;
                }

                var first = LastRevision + 1;
                if (batch.RangeMapVersion != _rangeMapVersion
                    || (batch.Evaluation.ReliesOnFirstRevision && batch.Evaluation.FirstRevision != first)
                    || batch.EvaluatedAt < _rulesIndex
                    || !_leases.Hold(batch.Evaluation.Leases, batch.EvaluatedAt)
                    || batch.Fence?.Invoke() is false)
                {
                    waiting.Completion.TrySetResult(AppendOutcome.Refused);
                    return null;
                }

                batch.Evaluation.MoveTo(first);
                return new CommitsRecord(first, batch.Evaluation.Commits, batch.Evaluation.LeaseChanges);

            default:
                throw new InvalidOperationException($"{pending.GetType().Name} has no place in the log.");
        }
    }

    /// <summary>A record has got its place: what comes next is decided behind it. Returns the number of its commits.</summary>
    public int Advance(PendingRecord pending, LogRecord record, long index)
    {
        if (pending is PendingBatch { Batch.Evaluation: var evaluation })
        {
            _leases.Note(evaluation.Leases, evaluation.LeaseChanges, index);
        }

        switch (record)
        {
            case AlarmRecord:
                _rulesIndex = index;
                return 0;
            case AuthRecord auth:
                _rulesIndex = index;
                _auth = _auth.With(auth.Change);
                return 0;
            case CompactionRecord compaction:
                _compactedRevision = compaction.Revision;
                return 0;
            case CommitsRecord commits:
                LastRevision += commits.Commits.Count;
                return commits.Commits.Count;
            default:
                return 0;
        }
    }
}
