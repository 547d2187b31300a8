using Granary.Client.Connections;
using Granary.Protos;

namespace Granary.Client;

/// <summary>A lease that is renewed until it is disposed of, which ends it and deletes the keys that are attached to it.</summary>
public sealed class GranaryLease : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

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

    /// <exception cref="LeaseLostException">It is lost.</exception>
    public void ThrowIfLost()
    {
        if (Lost.IsCancellationRequested)
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
        await _renewing.ConfigureAwait(false);
        if (!Lost.IsCancellationRequested)
        {
            using var patience = new CancellationTokenSource(TimeToLive, _time);
            try
            {
                await _calls.LeaseRevoke(new LeaseRevokeRequest { ID = Id }, patience.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is GranaryException or OperationCanceledException)
            {
                // It is gone, or ends by itself.
            }

            await _lost.CancelAsync().ConfigureAwait(false);
        }

        _ending.Dispose();
        _lost.Dispose();
    }

    private async Task Renew()
    {
        try
        {
            while (await TryRenew().ConfigureAwait(false))
            {
                await Task.Delay(TimeToLive / 3, _time, _ending.Token).ConfigureAwait(false);
            }

            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
        }
    }

    // False when it is lost. The first time it has just been granted.
    private async Task<bool> TryRenew()
    {
        while (_time.GetElapsedTime(_proved) is var elapsed && elapsed < TimeToLive)
        {
            var asked = _time.GetTimestamp();
            using var patience = new CancellationTokenSource(TimeToLive - elapsed, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _ending.Token);
            try
            {
                var renewed = await _calls.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = Id }, either.Token).ConfigureAwait(false);
                _proved = asked;
                return renewed.TTL > 0;
            }
            catch (GranaryException)
            {
                await Task.Delay(Pause, _time, _ending.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!_ending.IsCancellationRequested)
            {
                return false;
            }
        }

        return false;
    }
}
