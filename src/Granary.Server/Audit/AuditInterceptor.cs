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
internal sealed partial class AuditInterceptor(AuditLog audit, Callers callers, ILogger<AuditInterceptor> logger) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        TResponse response;
        try
        {
            response = await continuation(request, context);
        }
        catch (RpcException exception)
        {
            Note(request as IMessage, context, exception.Status);
            throw;
        }

        Note(request as IMessage, context, Status.DefaultSuccess);
        return response;
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (RpcException exception)
        {
            Note(request as IMessage, context, exception.Status);
            throw;
        }

        Note(request as IMessage, context, Status.DefaultSuccess);
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(requestStream, new Noted<TResponse>(responseStream, response => NoteRefusedWatch(response, context)), context);
        }
        catch (RpcException exception)
        {
            Note(request: null, context, exception.Status);
            throw;
        }
    }

    private void Note(IMessage? request, ServerCallContext context, Status status)
    {
        if ((request is not null && AuditedRequest.MayWrite(request)) || IsRefusal(status))
        {
            Write(new AuditEntry(
                context.Method,
                request is AuthenticateRequest logIn ? logIn.Name : callers.NameOf(context),
                context.Peer,
                request,
                status,
                Activity.Current?.TraceId.ToString()));
        }
    }

    // A watcher is refused in an answer, and its stream goes on.
    private void NoteRefusedWatch(object? response, ServerCallContext context)
    {
        if (response is WatchResponse { Created: true, Canceled: true } refused && refused.CancelReason.StartsWith("rpc error", StringComparison.Ordinal))
        {
            Write(new AuditEntry(
                context.Method, callers.NameOf(context), context.Peer, null, new Status(StatusCode.PermissionDenied, refused.CancelReason), Activity.Current?.TraceId.ToString()));
        }
    }

    private static bool IsRefusal(Status status) =>
        status.StatusCode is StatusCode.PermissionDenied or StatusCode.Unauthenticated
        || status.Detail == EtcdError.UserEmpty.Text
        || status.Detail == EtcdError.PermissionDenied.Text
        || status.Detail == EtcdError.AuthFailed.Text;

    // What is not noted is not answered: its caller is told that nobody can say what became of it.
    private void Write(in AuditEntry entry)
    {
        try
        {
            audit.Write(entry);
        }
        catch (IOException exception)
        {
            Log.NotWritten(logger, exception.Message);
            throw CallErrors.Of(EtcdError.Timeout);
        }
    }

    private sealed class Noted<T>(IServerStreamWriter<T> inner, Action<object?> note) : IServerStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message)
        {
            note(message);
            return inner.WriteAsync(message);
        }

        public Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            note(message);
            return inner.WriteAsync(message, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Critical, "The audit log cannot be written; calls that belong in it are not answered: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
