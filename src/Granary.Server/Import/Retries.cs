using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Calls a server again when the connection to it breaks, as long as it was reached within the last minute: a network that is away for longer,
/// or was never there, is told to whoever waits.
/// </summary>
internal sealed class Retries(string address, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();

    // When something came last, and when a break was told of last.
    private long? _reached;
    private long? _told;

    /// <summary>Something came from the server.</summary>
    public void Reached()
    {
        lock (_gate)
        {
            _reached = time.GetTimestamp();
        }
    }

    /// <summary>Runs a call, again and again, until it succeeds.</summary>
    /// <exception cref="RpcException">The server refuses, or cannot be reached for too long.</exception>
    public async Task<T> Run<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var result = await call();
                Reached();
                return result;
            }
            catch (RpcException exception) when (EtcdEndpoint.IsPassing(exception) && !cancellationToken.IsCancellationRequested && IsWorthwhile())
            {
                Tell(exception);
                await Task.Delay(Interval, time, cancellationToken);
            }
        }
    }

    private bool IsWorthwhile()
    {
        lock (_gate)
        {
            return _reached is { } reached && time.GetElapsedTime(reached) < Patience;
        }
    }

    // Several calls break with one connection: that is told once.
    private void Tell(RpcException exception)
    {
        lock (_gate)
        {
            if (_told is { } told && time.GetElapsedTime(told) < Interval)
            {
                return;
            }

            _told = time.GetTimestamp();
        }

        Console.Error.WriteLine($"granary: {address} broke off: {exception.Status.Detail}; going on where it was");
    }
}
