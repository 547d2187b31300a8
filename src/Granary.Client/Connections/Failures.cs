using System.Net.Sockets;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>What an error of a call says of the call.</summary>
internal static class Failures
{
    /// <summary>Whether another server may answer, or the same one later.</summary>
    public static bool IsOfServer(RpcException exception) => exception.StatusCode == StatusCode.Unavailable || IsOfWire(exception);

    /// <summary>Whether it is for the leader to do, and another server is that: nothing was done.</summary>
    public static bool IsForLeader(RpcException exception) =>
        exception is { StatusCode: StatusCode.FailedPrecondition, Status.Detail: "etcdserver: not leader" };

    /// <summary>Whether there was no connection that it could have been sent on.</summary>
    public static bool IsSurelyNotSent(RpcException exception) => exception.Status.DebugException switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError } => true,
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => true,
        var other => IsConnectTimeout(other),
    };

    /// <summary>Whether no connection was made in time. Nothing else ends so: calls themselves have deadlines.</summary>
    public static bool IsConnectTimeout(Exception? exception) =>
        exception is OperationCanceledException { InnerException: var inner } && (inner is TimeoutException || IsConnectTimeout(inner));

    /// <summary>Whether a call that was sent may be done all the same.</summary>
    public static bool LeavesOpen(RpcException exception) =>
        IsOfServer(exception) || exception.StatusCode is StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Unknown or StatusCode.Internal;

    /// <summary>For who has called.</summary>
    /// <param name="exception">What became of the last attempt.</param>
    /// <param name="mayHaveHappened">Whether it was a write of which an attempt may be done.</param>
    public static GranaryException Exception(RpcException exception, bool mayHaveHappened) => exception.Status.Detail == CompactedException.Text
        ? new CompactedException(compactRevision: 0, exception)
        : new GranaryException(exception.Status.Detail, exception.StatusCode, mayHaveHappened, exception);

    /// <summary>For who watches, by the reason that the server has given.</summary>
    public static GranaryException OfWatch(string reason) => new(
        reason,
        reason.Contains(Tokens.PermissionDenied, StringComparison.Ordinal) ? StatusCode.PermissionDenied
            : Tokens.IsAboutToken(reason) ? StatusCode.Unauthenticated : StatusCode.OutOfRange,
        mayHaveHappened: false);

    // What breaks under a call is told by different statuses; what a server says itself has no exception.
    private static bool IsOfWire(RpcException exception) =>
        exception.Status.DebugException is HttpRequestException or IOException or SocketException || IsConnectTimeout(exception.Status.DebugException);
}
