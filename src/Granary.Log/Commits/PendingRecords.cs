using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Storage.Replicas;

namespace Granary.Log.Commits;

/// <summary>What waits for its place in the log, and then for its flush: whoever asked for it is answered by <see cref="Commit"/> or <see cref="Fail"/>.</summary>
internal abstract class PendingRecord
{
    public LogRecord? Record { get; set; }

    public long Index { get; set; }

    public abstract void Commit();

    public abstract void Fail(Exception exception);
}

/// <summary>Writes that were decided by a grain.</summary>
internal sealed class PendingBatch(CommitBatch batch) : PendingRecord
{
    public CommitBatch Batch => batch;

    public TaskCompletionSource<AppendOutcome> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override void Commit() => Completion.TrySetResult(AppendOutcome.Committed);

    public override void Fail(Exception exception) => Completion.TrySetException(exception);
}

/// <summary>What changes no key.</summary>
internal abstract class PendingSystemRecord : PendingRecord
{
    public TaskCompletionSource Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override void Commit() => Completion.TrySetResult();

    public override void Fail(Exception exception) => Completion.TrySetException(exception);
}

/// <summary>A compaction that somebody asked for.</summary>
internal sealed class PendingCompaction(long revision, Caller caller) : PendingSystemRecord
{
    public Caller Caller => caller;

    public long Revision => revision;
}

/// <summary>An alarm, or the URLs of this member.</summary>
internal sealed class PendingMemberRecord(LogRecord content, Caller caller) : PendingSystemRecord
{
    public Caller Caller => caller;

    public LogRecord Content => content;
}

/// <summary>What it comes to may rest on what is before it in the same group, and be nothing or an error: it is answered behind the group's flush.</summary>
internal sealed class PendingAuthChange(Func<AuthState, AuthChange?> decide) : PendingSystemRecord
{
    private EtcdException? _refused;

    public AuthRecord? Decide(AuthState state)
    {
        try
        {
            return decide(state) is { } change ? new AuthRecord(change) : null;
        }
        catch (EtcdException exception)
        {
            _refused = exception;
            return null;
        }
    }

    public override void Commit()
    {
        if (_refused is null)
        {
            base.Commit();
        }
        else
        {
            Fail(_refused);
        }
    }
}
