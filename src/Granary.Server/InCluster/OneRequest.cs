using Grpc.Core;

namespace Granary.Server.InCluster;

/// <summary>The stream of a client that says one thing.</summary>
internal sealed class OneRequest<T>(T request) : IAsyncStreamReader<T>
{
    private bool _isRead;

    public T Current => request;

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        var has = !_isRead;
        _isRead = true;
        return Task.FromResult(has);
    }
}
