using Google.Protobuf;
using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Server.Metrics;

/// <summary>Counts the messages of a stream as they come and go, and tells of those that are none.</summary>
internal static class StreamMetering
{
    public static IAsyncStreamReader<T> Metered<T>(this IAsyncStreamReader<T> requests, ServerCallContext context) =>
        MethodOf(context) is { } method ? new Reader<T>(requests, method) : requests;

    public static IServerStreamWriter<T> Metered<T>(this IServerStreamWriter<T> responses, ServerCallContext context) =>
        MethodOf(context) is { } method ? new Writer<T>(responses, method) : responses;

    // Set where the call was counted as begun.
    private static RpcMethodMetrics? MethodOf(ServerCallContext context) => context.Feature<RpcMethodMetrics>();

    private sealed class Reader<T>(IAsyncStreamReader<T> inner, RpcMethodMetrics method) : IAsyncStreamReader<T>
    {
        public T Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            try
            {
                var has = await inner.MoveNext(cancellationToken);
                if (has)
                {
                    method.CountReceived();
                }

                return has;
            }
            catch (Exception exception) when (exception is InvalidDataException or InvalidProtocolBufferException)
            {
                // Told here, where it is known that the client's bytes are at fault, not some of ours.
                throw CallErrors.NoMessage();
            }
        }
    }

    private sealed class Writer<T>(IServerStreamWriter<T> inner, RpcMethodMetrics method) : IServerStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

        public Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            method.CountSent();
            return inner.WriteAsync(message, cancellationToken);
        }
    }
}
