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
    /// <exception cref="TimeoutException">It takes too long; it may still come to something.</exception>
    public ValueTask<T> Written<T>(ValueTask<T> write) => _patience is { } patience ? new(write.AsTask().WaitAsync(patience)) : write;

    /// <inheritdoc cref="Written{T}(ValueTask{T})"/>
    public Task Written(Task write) => _patience is { } patience ? write.WaitAsync(patience) : write;
}
