using Grpc.Core;

namespace Granary.Client;

/// <summary>The server has refused a call, or has not answered it.</summary>
/// <param name="message">What the server said; <c>etcdserver: …</c> where it has a word of its own for it.</param>
/// <param name="statusCode">The kind.</param>
/// <param name="mayHaveHappened">Whether the call was a write that may have been done, or may be done yet.</param>
/// <param name="innerException">What was seen of it.</param>
public class GranaryException(string message, StatusCode statusCode, bool mayHaveHappened, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>The kind, by gRPC's codes.</summary>
    public StatusCode StatusCode => statusCode;

    /// <summary>Whether the call was a write of which nobody knows: it is done, will be done within the server's request timeout, or is not.</summary>
    public bool MayHaveHappened => mayHaveHappened;

    /// <summary>Whether the same may be answered a while later, or by another server.</summary>
    internal bool IsPassing => statusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded;
}
