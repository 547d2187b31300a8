using Granary.Log.Commits;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// Who leads, as far as this process knows: for all who ask, or wait for a change. One thread has it change; anybody may note that the leader gives
/// a sign of life, or none.
/// </summary>
internal sealed class KnownLeader : IDisposable
{
    private volatile Leader _leader = new(0, 0, "", IsOwn: false, CancellationToken.None);
    private volatile TaskCompletionSource _changed = NewChange();
    private CancellationTokenSource? _over;

    /// <summary>The one that leads, or did last.</summary>
    public Leader Leader => _leader;

    /// <summary>When it last gave a sign of life.</summary>
    public LastTime Heard { get; } = new();

    /// <summary>Completes at the next change. Whoever takes it before looking at the leader misses none.</summary>
    public Task NextChange => _changed.Task;

    /// <summary>Returns when this is not the leader any more, or something else about it has changed.</summary>
    public async Task Changed(Leader seen, CancellationToken cancellationToken)
    {
        var changed = NextChange;
        if (ReferenceEquals(_leader, seen))
        {
            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>A term is over: who waits for its leader waits no more.</summary>
    public void End()
    {
        Heard.Forget();
        _leader = _leader with { IsOwn = false };
        _ = _over?.CancelAsync();
        TellChanged();
    }

    /// <summary>A term begins; the one before is over. Whoever waits is told by <see cref="TellChanged"/>, when all else is ready.</summary>
    /// <param name="term">The number of the term.</param>
    /// <param name="memberId">Who leads.</param>
    /// <param name="silo">Where that is.</param>
    /// <param name="isOwn">Whether it is this process.</param>
    public void Begin(long term, ulong memberId, string silo, bool isOwn)
    {
        _over = new CancellationTokenSource();
        _leader = new Leader(term, memberId, silo, isOwn, _over.Token);
    }

    /// <summary>Has those who wait look again.</summary>
    public void TellChanged()
    {
        var changed = _changed;
        _changed = NewChange();
        changed.TrySetResult();
    }

    public void Dispose() => _over?.Dispose();

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
