using System.Diagnostics;
using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Facade;
using Granary.Server.Identity;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Granary.Server.Audit;

/// <summary>Notes calls in the audit log before they are answered: those that may write, those that log in, and all that are refused.</summary>
internal sealed partial class AuditInterceptor(AuditLog audit, Callers callers, CallErrors errors, ILogger<AuditInterceptor> logger) : Interceptor
{
    // By their texts: some services give them other codes.
    private static readonly HashSet<string> Refusals =
    [
        EtcdError.UserEmpty.Text, EtcdError.PermissionDenied.Text, EtcdError.InvalidAuthToken.Text, EtcdError.AuthOldRevision.Text, EtcdError.AuthFailed.Text,
        EtcdError.UserWithoutPassword.Text,
    ];

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        // Before the call, which may end its user's token.
        var user = UserOf(request as IMessage, context);
        TResponse response;
        try
        {
            response = await continuation(request, context);
        }
        catch (RpcException exception)
        {
            await Note(request as IMessage, user, context, exception.Status);
            throw;
        }

        await Note(request as IMessage, user, context, Status.DefaultSuccess);
        return response;
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        var user = UserOf(request as IMessage, context);
        var isNoted = false;
        try
        {
            // With the first answer: what is told before the line is written nobody knows of.
            await continuation(
                request,
                new Noted<TResponse>(responseStream, async _ =>
                {
                    if (!isNoted)
                    {
                        isNoted = true;
                        await Note(request as IMessage, user, context, Status.DefaultSuccess);
                    }
                }),
                context);
        }
        catch (RpcException exception)
        {
            await Note(request as IMessage, user, context, exception.Status);
            throw;
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        var user = callers.NameOf(context);
        try
        {
            await continuation(
                requestStream,
                new Noted<TResponse>(responseStream, response => RefusalOfWatch(response) is { } status ? Note(request: null, user, context, status) : default),
                context);
        }
        catch (RpcException exception)
        {
            await Note(request: null, user, context, exception.Status);
            throw;
        }
    }

    private string? UserOf(IMessage? request, ServerCallContext context) =>
        request is AuthenticateRequest logIn ? AuditedRequest.Short(logIn.Name) : callers.NameOf(context);

    private async ValueTask Note(IMessage? request, string? user, ServerCallContext context, Status status)
    {
        if ((request is null || !AuditedRequest.MayWrite(request)) && !IsRefusal(status))
        {
            return;
        }

        try
        {
            audit.Write(new AuditEntry(context.Method, user, context.Peer, request, status, Activity.Current?.TraceId.ToString()));
        }
        catch (Exception exception)
        {
            // What is not noted is not answered: its caller is told that nobody can say what became of it.
            Log.NotWritten(logger, exception.Message);
            throw await errors.Map(new EtcdException(EtcdError.Timeout, outcomeUnknown: true), context);
        }
    }

    // A watcher is refused in an answer, and its stream goes on.
    private static Status? RefusalOfWatch(object? response) =>
        response is WatchResponse { Created: true, Canceled: true } refused && refused.CancelReason.StartsWith("rpc error", StringComparison.Ordinal)
            ? new Status(StatusCode.PermissionDenied, refused.CancelReason)
            : null;

    private static bool IsRefusal(Status status) =>
        status.StatusCode is StatusCode.PermissionDenied or StatusCode.Unauthenticated || Refusals.Contains(status.Detail);

    private sealed class Noted<T>(IServerStreamWriter<T> inner, Func<object?, ValueTask> note) : IServerStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

        public async Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            await note(message);
            await inner.WriteAsync(message, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The audit log cannot be written; calls that belong in it are not answered: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
