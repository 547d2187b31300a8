using Granary.Log.Commits;
using Granary.Server.Configuration;

namespace Granary.Server.Facade;

/// <summary>
/// What a request needs where several processes share a log: the proof that this one led when it came, and an end to waiting when the log
/// does not answer. With a log of its own a server needs neither.
/// </summary>
internal sealed class Leading(ICommitLog log, ServerOptions options)
{
    private readonly TimeSpan? _patience = options.WriteTimeout;

    /// <inheritdoc cref="ICommitLog.Prove"/>
    public ValueTask Prove(CancellationToken cancellationToken) => log.Prove(cancellationToken);

    /// <summary>What a write comes to.</summary>
    /// <exception cref="TimeoutException">The log does not answer; it may still come to something.</exception>
    public ValueTask<T> Written<T>(ValueTask<T> write) => _patience is null || write.IsCompleted ? write : Await(write);

    /// <inheritdoc cref="Written{T}(ValueTask{T})"/>
    public async Task Written(Task write)
    {
        if (_patience is { } patience)
        {
            // What takes long by itself may take it, while this process leads.
            do
            {
                try
                {
                    await write.WaitAsync(patience);
                }
                catch (TimeoutException) when (!write.IsCompleted && log.IsLeading)
                {
                }
            }
            while (!write.IsCompleted);
        }

        await write;
    }

    private async ValueTask<T> Await<T>(ValueTask<T> write)
    {
        var task = write.AsTask();
        await Written((Task)task);
        return await task;
    }
}
