using Granary.Mvcc.Auth;
using Grpc.Core;

namespace Granary.Server.InCluster;

/// <summary>A call of a service by a grain or a service of this process. Whose it is need not be proved, and nothing of it goes over a wire.</summary>
internal sealed class InClusterCall(string method, Caller caller, DateTime deadline, CancellationToken cancellationToken) : ServerCallContext, IDisposable
{
    private static readonly AuthContext NoConnection = new(null, []);

    // As the client by gRPC asks for: a watch ends when its server has lost the others.
    private static readonly Metadata Headers = new() { { "hasleader", "true" } };

    private List<IDisposable>? _held;
    private Metadata? _trailers;

    /// <summary>On whose behalf it is made.</summary>
    public Caller Caller => caller;

    protected override string MethodCore => method;

    protected override string HostCore => "in-cluster";

    protected override string PeerCore => "in-cluster";

    protected override DateTime DeadlineCore => deadline;

    protected override Metadata RequestHeadersCore => Headers;

    protected override CancellationToken CancellationTokenCore => cancellationToken;

    protected override Metadata ResponseTrailersCore => _trailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => NoConnection;

    /// <summary>Has something disposed when the caller has its answer, or is gone.</summary>
    public void HoldUntilEnd(IDisposable held) => (_held ??= []).Add(held);

    public void Dispose() => _held?.ForEach(static held => held.Dispose());

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("Services of one process pass on the token.");

    // The caller learns what became of the call from its answer.
    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
}
