using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Granary.Conformance.Tests.Compatibility;

/// <summary>Notes the calls of a test on their way to a server.</summary>
internal sealed class CallNoting(Product product) : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        CallNotes.Called(product, context.Method.FullName);
        Sent(request);
        var call = continuation(request, context);
        return new AsyncUnaryCall<TResponse>(Answer(), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);

        async Task<TResponse> Answer()
        {
            var response = await call.ResponseAsync;
            CallNotes.Answered(product, context.Method.FullName);
            return response;
        }
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        CallNotes.Called(product, context.Method.FullName);
        Sent(request);
        var call = continuation(request, context);
        return new AsyncServerStreamingCall<TResponse>(
            new NotedAnswers<TResponse>(call.ResponseStream, product, context.Method.FullName), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        CallNotes.Called(product, context.Method.FullName);
        var call = continuation(context);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            new NotedRequests<TRequest>(call.RequestStream, this),
            new NotedAnswers<TResponse>(call.ResponseStream, product, context.Method.FullName),
            call.ResponseHeadersAsync,
            call.GetStatus,
            call.GetTrailers,
            call.Dispose);
    }

    private void Sent<TRequest>(TRequest request)
    {
        if (request is IMessage message)
        {
            CallNotes.Sent(product, message);
        }
    }

    private sealed class NotedRequests<T>(IClientStreamWriter<T> requests, CallNoting noting) : IClientStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => requests.WriteOptions;
            set => requests.WriteOptions = value;
        }

        public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

        public Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            noting.Sent(message);
            return requests.WriteAsync(message, cancellationToken);
        }

        public Task CompleteAsync() => requests.CompleteAsync();
    }

    private sealed class NotedAnswers<T>(IAsyncStreamReader<T> answers, Product product, string method) : IAsyncStreamReader<T>
    {
        public T Current => answers.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            var isThere = await answers.MoveNext(cancellationToken);
            if (isThere)
            {
                CallNotes.Answered(product, method);
            }

            return isThere;
        }
    }
}
