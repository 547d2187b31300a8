using Granary.Mvcc.Errors;

namespace Granary.Log.Engines.Postgres;

/// <summary>Until when it is certain that nobody else leads, by this process's own clock: for all who ask, or wait for it.</summary>
/// <param name="leaseTime">How long others wait for a sign of life before one of them takes over.</param>
/// <param name="patience">How long who asks waits for proof at the most.</param>
/// <param name="clock">Goes on while the machine is suspended.</param>
/// <param name="lost">Cancelled when this process is known to lead no more.</param>
internal sealed class LeaderProof(TimeSpan leaseTime, TimeSpan patience, TimeProvider clock, CancellationToken lost)
{
    // Clocks go at different speeds, but not by so much.
    private const double Margin = 0.9;

    private readonly Lock _lock = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _until;

    /// <summary>Whether nobody else can lead at this moment.</summary>
    public bool Holds => clock.GetTimestamp() < Interlocked.Read(ref _until) && !lost.IsCancellationRequested;

    /// <summary>A sign of life, or a record, has arrived that was sent at this time.</summary>
    public void Extend(long sentAt)
    {
        TaskCompletionSource waiting;
        lock (_lock)
        {
            var until = sentAt + (long)(leaseTime.TotalSeconds * Margin * clock.TimestampFrequency);
            if (until <= _until)
            {
                return;
            }

            Interlocked.Exchange(ref _until, until);
            (waiting, _next) = (_next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waiting.TrySetResult();
    }

    /// <summary>Returns once it is proved that this process led after the call began.</summary>
    /// <exception cref="EtcdException">It leads no more, or nobody knows in time.</exception>
    public ValueTask Wait(CancellationToken cancellationToken) => Holds ? default : AwaitNext(cancellationToken);

    private async ValueTask AwaitNext(CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        while (!Holds)
        {
            Task next;
            lock (_lock)
            {
                next = _next.Task;
            }

            EtcdException.ThrowIf(lost.IsCancellationRequested ? EtcdError.LeaderChanged : null);
            var left = patience - clock.GetElapsedTime(start);
            EtcdException.ThrowIf(left <= TimeSpan.Zero ? EtcdError.Timeout : null);

            // The loss of leadership ends the wait as well.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lost);
            await next.WaitAsync(left, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
