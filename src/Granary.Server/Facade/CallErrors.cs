using System.Diagnostics;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>Turns whatever ends a call into the status that etcd gives.</summary>
internal sealed partial class CallErrors(LastingCalls lasting, ILogger<CallErrors> logger)
{
    /// <summary>What a client is told of a fault of ours; what it was is for the log only.</summary>
    public const string InternalError = "etcdserver: internal error, see the server's log";

    public static RpcException Of(EtcdError error) => new(new Status(error.Code, error.Text));

    /// <summary>What a client is told whose message on a stream is none; of a single request the library tells by itself.</summary>
    public static RpcException NoMessage() => new(new Status(StatusCode.Internal, "grpc: failed to unmarshal the received message"));

    /// <summary>Throws the error of a check by shape, if there is one.</summary>
    public static void ThrowIf(EtcdError? error)
    {
        if (error is not null)
        {
            throw Of(error);
        }
    }

    /// <summary>Makes a check that throws an <see cref="EtcdException"/> outside of any call to a grain.</summary>
    public static void Run(Func<Caller> check)
    {
        try
        {
            check();
        }
        catch (EtcdException exception)
        {
            throw Of(exception.Error);
        }
    }

    /// <summary>Whether a stream ended because its client left: the gRPC library says so in a way of its own for each moment at which it may notice.</summary>
    public static bool IsDeparture(Exception exception, ServerCallContext context) =>
        exception is IOException
        || (exception is OperationCanceledException or InvalidOperationException && context.CancellationToken.IsCancellationRequested);

    /// <summary>What a client that left would be told, if it were still there to hear it.</summary>
    public static RpcException Left(ServerCallContext context) => context.Deadline <= DateTime.UtcNow
        ? new RpcException(new Status(StatusCode.DeadlineExceeded, "context deadline exceeded"))
        : new RpcException(new Status(StatusCode.Cancelled, "context canceled"));

    public async ValueTask<RpcException> Map(Exception exception, ServerCallContext context)
    {
        switch (exception)
        {
            case RpcException mapped:
                return mapped;

            case EtcdException etcd:
                if (etcd.OutcomeUnknown)
                {
                    await SendHeaders(context);
                }

                return Of(etcd.Error);

            // At once, so that the client goes elsewhere, or comes again with the revision it has got to.
            case OperationCanceledException when !context.CancellationToken.IsCancellationRequested && lasting.AreEnding:
                return Of(EtcdError.Stopped);

            case OperationCanceledException:
            case InvalidOperationException when IsDeparture(exception, context):
                return Left(context);

            case TimeoutException or Orleans.Runtime.OrleansException:
                Log.GrainUnreachable(logger, exception, context.Method);
                await SendHeaders(context);
                return Of(EtcdError.Timeout);

            default:
                Log.Unexpected(logger, exception, context.Method, Activity.Current?.TraceId.ToString() ?? context.Identifier());
                return new RpcException(new Status(StatusCode.Unknown, InternalError));
        }
    }

    // A client may send a call again as long as it has not seen headers: not one whose write may have been committed.
    private static async Task SendHeaders(ServerCallContext context)
    {
        try
        {
            await context.WriteResponseHeadersAsync([]);
        }
        catch (Exception exception) when (exception is InvalidOperationException or OperationCanceledException or IOException)
        {
            // They have been sent, or nobody is there to have them.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Method} failed unexpectedly; trace {Trace}.")]
        public static partial void Unexpected(ILogger logger, Exception exception, string method, string trace);

        [LoggerMessage(2, LogLevel.Warning, "{Method}: its grain did not answer.")]
        public static partial void GrainUnreachable(ILogger logger, Exception exception, string method);
    }
}
