using Grpc.Core;

namespace Granary.Server.InCluster;

/// <summary>Keeps what a stream that gives one answer has given.</summary>
internal sealed class OneAnswer<T> : IServerStreamWriter<T>
    where T : class
{
    public T? Message { get; private set; }

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        Message = message;
        return Task.CompletedTask;
    }
}
