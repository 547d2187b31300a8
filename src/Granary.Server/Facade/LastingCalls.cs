using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>
/// The calls that go on until somebody ends them: watches, keep-alives, waits for a lock. When the server stops, these are ended first, while
/// their connections are still whole, so that each client hears why.
/// </summary>
internal sealed class LastingCalls(TimeProvider time) : IDisposable
{
    // Clients that do not read what they are told are not waited for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // .NET's clients forget an answer that waits to be read when the connection ends, and Kestrel loses one that it is about to write.
    private static readonly TimeSpan ToBeRead = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _none = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    /// <summary>Whether calls are being ended because the server stops.</summary>
    public bool AreEnding => _stopping.IsCancellationRequested;

    /// <summary>For a call that lasts: ends when the client leaves, its deadline passes, or the server stops.</summary>
    public CancellationTokenSource Begin(ServerCallContext context)
    {
        Interlocked.Increment(ref _count);

        // Not when the service is done with it, but when the client has been told.
        context.HoldUntilEnd(new Ending(this));
        return CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, _stopping.Token);
    }

    /// <summary>Ends all of them, and those that still come; returns when their clients have been told and had a moment to hear it.</summary>
    public async Task EndAll()
    {
        await _stopping.CancelAsync();
        if (Volatile.Read(ref _count) > 0)
        {
            await _none.Task.WaitAsync(Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(ToBeRead, time);
        }
    }

    public void Dispose() => _stopping.Dispose();

    private void End()
    {
        if (Interlocked.Decrement(ref _count) == 0 && AreEnding)
        {
            _none.TrySetResult();
        }
    }

    private sealed class Ending(LastingCalls calls) : IDisposable
    {
        public void Dispose() => calls.End();
    }
}
