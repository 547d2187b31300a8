using Granary.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace Granary.Orleans.Streams;

/// <summary>
/// Reads a watch beside the grain's calls, and gives what it has read to the grain by a timer of the grain, whose callbacks are turns as calls are: one at a
/// time, and none while a call is under way.
/// </summary>
internal sealed partial class GranaryStreamSubscription : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly Func<WatchUpdate, Task> _onNext;
    private readonly Func<Exception, Task> _onEnd;
    private readonly CancellationTokenSource _ending = new();
    private readonly IGrainTimer _timer;
    private readonly ILogger _logger;

    // What the timer's next callback is to tell, until it is told.
    private Func<Task>? _tell;
    private TaskCompletionSource _told = new();
    private TimeSpan _pause = FirstPause;

    public GranaryStreamSubscription(
        IGrainBase grain, Func<CancellationToken, IAsyncEnumerable<WatchUpdate>> watch, Func<WatchUpdate, Task> onNext, Func<Exception, Task> onEnd)
    {
        (_onNext, _onEnd) = (onNext, onEnd);
        _logger = grain.GrainContext.ActivationServices.GetRequiredService<ILogger<GranaryStream>>();
        _timer = grain.RegisterGrainTimer(Tell, new GrainTimerCreationOptions(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan) { KeepAlive = true });
        _ = Read(watch);
        _ = EndWith(grain.GrainContext);
    }

    public void Dispose() => _ = End();

    private Task End()
    {
        _timer.Dispose();
        return _ending.CancelAsync();
    }

    private async Task EndWith(IGrainContext activation)
    {
        await activation.Deactivated;
        await End();
    }

    // On the grain's scheduler, so that nothing here has to be locked. The watch itself does its work elsewhere.
    private async Task Read(Func<CancellationToken, IAsyncEnumerable<WatchUpdate>> watch)
    {
        try
        {
            try
            {
                await foreach (var update in watch(_ending.Token))
                {
                    if (update.Events.Count > 0)
                    {
                        await TellInTurn(() => _onNext(update));
                    }
                }
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                if (!_ending.IsCancellationRequested)
                {
                    await TellInTurn(() => _onEnd(exception));
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The subscription has ended, or the client, or the timer of an activation that ends: nobody wants to know more.
        }
    }

    private Task TellInTurn(Func<Task> tell)
    {
        _ending.Token.ThrowIfCancellationRequested();
        (_tell, _told, _pause) = (tell, new TaskCompletionSource(), FirstPause);
        _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        return _told.Task.WaitAsync(_ending.Token);
    }

    private async Task Tell(CancellationToken cancellationToken)
    {
        if (_tell is not { } tell)
        {
            return;
        }

        try
        {
            await tell();
        }
        catch (Exception exception) when (!_ending.IsCancellationRequested)
        {
            Log.Refused(_logger, exception, _pause);
            _timer.Change(_pause, Timeout.InfiniteTimeSpan);
            _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
            return;
        }

        _tell = null;
        _told.TrySetResult();
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A grain has not taken what its stream told it; it is told the same again in {Pause}.")]
        public static partial void Refused(ILogger logger, Exception exception, TimeSpan pause);
    }
}
