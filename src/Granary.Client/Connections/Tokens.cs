using Granary.Protos;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>The token that calls are made with. A server that does not know it, or any more, has a new one got: one for all who wait.</summary>
internal sealed class Tokens(string? user, string? password) : IDisposable
{
    private static readonly Metadata None = [];

    private readonly SemaphoreSlim _turn = new(1);
    private Metadata? _headers;

    /// <summary>What a call is sent with.</summary>
    /// <exception cref="RpcException">The server gives no token.</exception>
    public ValueTask<Metadata> Headers(Endpoint endpoint, DateTime deadline, CancellationToken cancellationToken) =>
        user is null ? new(None) : Volatile.Read(ref _headers) is { } headers ? new(headers) : new(Get(endpoint, deadline, cancellationToken));

    /// <summary>Whether a call that was refused for this is to be made again.</summary>
    public bool IsOutdated(RpcException exception) => user is not null && exception switch
    {
        { StatusCode: StatusCode.Unauthenticated } => true,
        { StatusCode: StatusCode.InvalidArgument, Status.Detail: "etcdserver: user name is empty" or "etcdserver: revision of auth store is old" } => true,
        _ => false,
    };

    /// <summary>Whoever is next gets a new one, unless somebody has since.</summary>
    /// <param name="before">What the call was sent with that was refused.</param>
    public void Forget(Metadata before) => Interlocked.CompareExchange(ref _headers, null, before);

    /// <summary>The same, whatever it is.</summary>
    public void Forget() => Volatile.Write(ref _headers, null);

    public void Dispose() => _turn.Dispose();

    private async Task<Metadata> Get(Endpoint endpoint, DateTime deadline, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Volatile.Read(ref _headers) is { } headers)
            {
                return headers;
            }

            var got = await Login(endpoint, deadline, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _headers, got);
            return got;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<Metadata> Login(Endpoint endpoint, DateTime deadline, CancellationToken cancellationToken)
    {
        try
        {
            var login = await endpoint.Auth.AuthenticateAsync(
                new AuthenticateRequest { Name = user, Password = password }, deadline: deadline, cancellationToken: cancellationToken).ConfigureAwait(false);
            return new Metadata { { "token", login.Token } };
        }
        catch (RpcException exception) when (exception is { StatusCode: StatusCode.FailedPrecondition, Status.Detail: "etcdserver: authentication is not enabled" })
        {
            // It asks nobody, or not yet.
            return [];
        }
    }
}
