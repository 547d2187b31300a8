using Granary.Grains.KeyRanges;
using Granary.Grains.Replication;
using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Server.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Facade;

/// <summary>
/// What a read on a silo that follows waits for: this silo has all that was answered before the read came. The leader is asked once for all
/// reads that wait, and who comes while it is being asked waits for the next time.
/// </summary>
internal sealed class ReadBarrier(ILeadership leadership, ICommitLog log, IGrainFactory grains, ServerOptions options)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(20);

    // A barrier is a hop to the leader and back.
    private const long SlowMilliseconds = 100;

    private readonly TimeSpan _patience = options.WriteTimeout ?? TimeSpan.Zero;
    private readonly Lock _gate = new();
    private Task _running = Task.CompletedTask;
    private Task? _next;
    private long _slow;
    private long _failed;

    /// <summary>How many times it took longer than a read should.</summary>
    public long SlowCount => Interlocked.Read(ref _slow);

    /// <summary>How many times it came to nothing.</summary>
    public long FailedCount => Interlocked.Read(ref _failed);

    /// <exception cref="EtcdException">No leader answers in time.</exception>
    public Task Pass(CancellationToken cancellationToken)
    {
        Task pass;
        lock (_gate)
        {
            pass = _running.IsCompleted ? _running = Task.Run(Ask, CancellationToken.None) : _next ??= AskAfter(_running);
        }

        return pass.WaitAsync(cancellationToken);
    }

    private async Task AskAfter(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_gate)
        {
            (_running, _next) = (_next!, null);
        }

        await Ask();
    }

    private async Task Ask()
    {
        using var patience = new CancellationTokenSource(_patience);
        var start = Environment.TickCount64;
        try
        {
            while (!await TryAsk(patience.Token))
            {
                await Task.Delay(RetryInterval, patience.Token);
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            Interlocked.Increment(ref _failed);
            throw new EtcdException(EtcdError.Timeout);
        }

        if (Environment.TickCount64 - start > SlowMilliseconds)
        {
            Interlocked.Increment(ref _slow);
        }
    }

    private async Task<bool> TryAsk(CancellationToken patience)
    {
        var leader = await leadership.Reachable(patience);
        if (leader.IsOwn)
        {
            await log.Prove(patience);
            return true;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience, leader.Over);
        try
        {
            var index = await grains.GetGrain<IReplicationGrain>(KeyRangeGrainKey.OfKeyspace(leader.Term)).ReadIndex(either.Token);
            await leadership.Caught(index, either.Token);
            return true;
        }
        catch (Exception exception) when (!patience.IsCancellationRequested
            && (exception is OrleansException or TimeoutException or OperationCanceledException || exception is EtcdException { Error: var error } && error == EtcdError.LeaderChanged))
        {
            // A read changes nothing: it is asked again, whoever leads then.
            leadership.NotReached(leader);
            return false;
        }
    }
}
