using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Health.V1;

namespace Granary.Server.Facade;

/// <summary>Refuses what a learner does not answer: all but how it is, reads that need no leader, and snapshots.</summary>
internal sealed class LearnerCalls(ILeadership leadership) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        ThrowUnlessAnswered(request);
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        ThrowUnlessAnswered(request);
        return continuation(request, responseStream, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        ThrowUnlessAnswered(null);
        return continuation(requestStream, responseStream, context);
    }

    private void ThrowUnlessAnswered(object? request) => CallErrors.ThrowIf(
        leadership.IsLearner && request is not (StatusRequest or RangeRequest { Serializable: true } or SnapshotRequest or HealthCheckRequest)
            ? EtcdError.NotSupportedForLearner : null);
}
