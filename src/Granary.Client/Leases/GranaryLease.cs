using Granary.Client.Connections;
using Granary.Protos;

namespace Granary.Client;

/// <summary>A lease that is renewed until it is disposed of, which ends it and deletes the keys that are attached to it.</summary>
public sealed class GranaryLease : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPart = TimeSpan.FromDays(1);
    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(10);

    private readonly ICalls _calls;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly Task _renewing;

    // Since when the server is known to have the lease for its whole time, counted from before it was asked: the earliest that it may end.
    private long _proved;
    private int _isDisposed;

    internal GranaryLease(ICalls calls, TimeProvider time, long id, TimeSpan timeToLive, long granted)
    {
        (_calls, _time, Id, TimeToLive, _proved) = (calls, time, id, timeToLive, granted);
        Lost = _lost.Token;
        _renewing = Task.Run(Renew);
    }

    /// <summary>By which it is known to the server.</summary>
    public long Id { get; }

    /// <summary>How long it lives without a renewal, as the server has granted it.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>
    /// Canceled when the lease has ended or may have: somebody has revoked it, or the server could not be reached for its whole time. It is told by this
    /// client's clock before the server ends it.
    /// </summary>
    public CancellationToken Lost { get; }

    /// <summary>Looks at the clock too: this process may have stood still.</summary>
    /// <exception cref="LeaseLostException">It is lost.</exception>
    public void ThrowIfLost()
    {
        if (Lost.IsCancellationRequested || Remaining <= TimeSpan.Zero)
        {
            throw new LeaseLostException(Id);
        }
    }

    /// <summary>Ends it. If the server cannot be reached within its time, it ends by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await _ending.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var wasLost = Lost.IsCancellationRequested;

        // Whoever works under it stops before the next one may begin.
        await _lost.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!wasLost)
        {
            using var patience = new CancellationTokenSource(Shorter(TimeToLive, LongestGoodbye), _time);
            try
            {
                await _calls.Ask(UnaryMethods.LeaseRevoke, new LeaseRevokeRequest { ID = Id }, patience.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is GranaryException or OperationCanceledException or ObjectDisposedException)
            {
                // It is gone, or ends by itself.
            }
        }

        _ending.Dispose();
        _lost.Dispose();
    }

    // The time that its holder may count on yet: a little less than the server gives it, since telling of its end takes time too.
    private TimeSpan Remaining => TimeToLive - Shorter(TimeToLive / 10, LongestMargin) - _time.GetElapsedTime(Volatile.Read(ref _proved));

    private async Task Renew()
    {
        try
        {
            do
            {
                await Task.Delay(Shorter(TimeToLive / 3, LongestPart), _time, _ending.Token).ConfigureAwait(false);
            }
            while (await TryRenew().ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            return;
        }
        catch (Exception)
        {
            // The client was disposed of: nobody renews it any more.
        }

        await _lost.CancelAsync().ConfigureAwait(false);
    }

    // False when it is lost.
    private async Task<bool> TryRenew()
    {
        while (Remaining is var remaining && remaining > TimeSpan.Zero)
        {
            var asked = _time.GetTimestamp();
            try
            {
                var renewed = await _calls.Ask(UnaryMethods.LeaseKeepAlive, new LeaseKeepAliveRequest { ID = Id }, _ending.Token, remaining).ConfigureAwait(false);
                Volatile.Write(ref _proved, asked);
                return renewed.TTL > 0;
            }
            catch (GranaryException)
            {
                remaining = Remaining;
                if (remaining > TimeSpan.Zero)
                {
                    await Task.Delay(Shorter(Pause, remaining), _time, _ending.Token).ConfigureAwait(false);
                }
            }
        }

        return false;
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
