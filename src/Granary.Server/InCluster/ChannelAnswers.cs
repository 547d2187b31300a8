using System.Threading.Channels;
using Grpc.Core;

namespace Granary.Server.InCluster;

/// <summary>Gives the answers of a stream to whoever reads the channel; while that is full, the service waits.</summary>
internal sealed class ChannelAnswers<T>(ChannelWriter<T> channel, Func<T, T> copy) : IServerStreamWriter<T>
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken) => channel.WriteAsync(copy(message), cancellationToken).AsTask();
}
