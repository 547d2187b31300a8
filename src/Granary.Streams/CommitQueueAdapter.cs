using Granary.Storage.Replicas;
using Orleans.Providers.Streams.Common;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>A stream provider's one queue on this silo: the commits of its replica. It is read only; what is in it comes through the log.</summary>
/// <param name="name">Of the provider.</param>
/// <param name="replica">What is followed.</param>
/// <param name="stream">The one stream of the queue.</param>
/// <param name="begun">Until it completes nothing is read.</param>
internal sealed class CommitQueueAdapter(string name, Replica replica, StreamId stream, Task begun) : IQueueAdapterFactory, IQueueAdapter, IStreamQueueMapper
{
    private static readonly QueueId Queue = QueueId.GetQueueId("commits", 0, 0);

    private readonly CommitCache _cache = new(replica);

    public string Name => name;

    public bool IsRewindable => true;

    public StreamProviderDirection Direction => StreamProviderDirection.ReadOnly;

    public Task<IQueueAdapter> CreateAdapter() => Task.FromResult<IQueueAdapter>(this);

    public IQueueAdapterCache GetQueueAdapterCache() => _cache;

    public IStreamQueueMapper GetStreamQueueMapper() => this;

    public Task<IStreamFailureHandler> GetDeliveryFailureHandler(QueueId queueId) =>
        Task.FromResult<IStreamFailureHandler>(new NoOpStreamDeliveryFailureHandler());

    public IQueueAdapterReceiver CreateReceiver(QueueId queueId) => new CommitReceiver(replica, _cache, stream, begun);

    public Task QueueMessageBatchAsync<T>(
        StreamId streamId, IEnumerable<T> events, StreamSequenceToken? token, Dictionary<string, object>? requestContext) =>
        throw new NotSupportedException("The stream of commits is read only: write through the key range grains.");

    public IEnumerable<QueueId> GetAllQueues() => [Queue];

    public QueueId GetQueueForStream(StreamId streamId) => Queue;
}
