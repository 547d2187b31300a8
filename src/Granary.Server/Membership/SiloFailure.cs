using Orleans.Runtime;

namespace Granary.Server.Membership;

/// <summary>Notes that the silo cannot go on, above all because the others have taken it for dead: the server is to end then, and to be started anew.</summary>
internal sealed partial class SiloFailure(ILogger<SiloFailure> logger) : IFatalErrorHandler
{
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with what happened.</summary>
    public Task<string> Failed => _failed.Task;

    public bool IsUnexpected(Exception exception) => exception is not (OperationCanceledException or ObjectDisposedException);

    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        var reason = exception?.Message ?? context ?? "unknown";
        Log.Failed(logger, reason);
        _failed.TrySetResult($"The silo cannot go on: {reason}");
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The silo cannot go on: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
