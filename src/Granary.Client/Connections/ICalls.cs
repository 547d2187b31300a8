using Google.Protobuf;
using Granary.Protos;

namespace Granary.Client.Connections;

/// <summary>
/// The calls of the API, each asked of a server that answers. Reads and what is repeatable are asked again until they are answered, everything else
/// only where it has surely not been done.
/// </summary>
/// <remarks>Each throws <see cref="GranaryException"/> where there is no answer, or an error.</remarks>
internal interface ICalls : IDisposable
{
    /// <summary>A call with one request and one answer.</summary>
    /// <param name="method">Which.</param>
    /// <param name="request">With what.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="atMost">How long it may take, if that is less than any call may.</param>
    Task<TResponse> Ask<TRequest, TResponse>(
        UnaryMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken, TimeSpan? atMost = null)
        where TRequest : IMessage
        where TResponse : class, IMessage<TResponse>;

    /// <summary>One watch of one server, until it breaks off: it is not resumed.</summary>
    IAsyncEnumerable<WatchResponse> Watch(WatchCreateRequest request, CancellationToken cancellationToken);

    /// <summary>One snapshot of one server.</summary>
    IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken);
}
