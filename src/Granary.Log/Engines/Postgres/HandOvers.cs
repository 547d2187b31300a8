using Granary.Log.Commits;
using Granary.Mvcc.Errors;

namespace Granary.Log.Engines.Postgres;

/// <summary>Leadership that this process gives to a member that is named: asked for by anybody, done by the thread that leads.</summary>
/// <param name="known">Who leads.</param>
/// <param name="patience">How long the other one may take.</param>
internal sealed class HandOvers(KnownLeader known, TimeSpan patience)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<ulong> _asked = NewTerm();

    /// <summary>Completes with the member that is to lead.</summary>
    public Task<ulong> Asked => _asked.Task;

    /// <summary>A term of this process begins: what was asked of the one before is done, or cannot be done any more.</summary>
    public void BeginTerm()
    {
        lock (_gate)
        {
            if (_asked.Task.IsCompleted)
            {
                _asked = NewTerm();
            }
        }
    }

    /// <summary>Asks, and waits until another one leads.</summary>
    /// <exception cref="EtcdException">This process does not lead, or the other one did not take over in time.</exception>
    public async Task Run(ulong successor, CancellationToken cancellationToken)
    {
        var before = known.Leader;
        EtcdException.ThrowIf(before.IsOwn ? null : EtcdError.NotLeader);
        lock (_gate)
        {
            _asked.TrySetResult(successor);
        }

        using var tooLate = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        tooLate.CancelAfter(patience);
        try
        {
            while (known.Leader is var leader && leader.Term == before.Term)
            {
                await known.Changed(leader, tooLate.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new EtcdException(EtcdError.Timeout);
        }
    }

    private static TaskCompletionSource<ulong> NewTerm() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
