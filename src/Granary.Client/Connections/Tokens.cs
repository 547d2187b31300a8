using Granary.Protos;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>The token that calls are made with. A server that does not know it, or any more, has a new one got: one for all who wait.</summary>
internal sealed class Tokens(string? user, string? password, Endpoints endpoints, TimeProvider time)
{
    public const string PermissionDenied = "etcdserver: permission denied";

    private static readonly string[] Outdated =
        ["etcdserver: invalid auth token", "etcdserver: user name is empty", "etcdserver: revision of auth store is old"];

    private static readonly Metadata None = [];

    private readonly Lock _lock = new();
    private Metadata? _headers;
    private Task<Metadata>? _getting;

    /// <summary>What a call is sent with.</summary>
    /// <param name="endpoint">Who is asked for a token, if there is none.</param>
    /// <param name="timeout">How long.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="RpcException">The server gives no token.</exception>
    public async ValueTask<Metadata> Headers(Endpoint endpoint, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (user is null)
        {
            return None;
        }

        Task<Metadata> getting;
        lock (_lock)
        {
            if (_headers is { } headers)
            {
                return headers;
            }

            if (timeout <= TimeSpan.Zero)
            {
                throw new RpcException(new Status(StatusCode.DeadlineExceeded, "There was no time left for a token."));
            }

            getting = _getting ??= Get(endpoint, timeout);
        }

        try
        {
            return await getting.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "No token was got in time.", exception));
        }
    }

    /// <summary>Whether a call that was refused for this is to be made again.</summary>
    public bool IsOutdated(RpcException exception) => user is not null && (exception.StatusCode == StatusCode.Unauthenticated || Outdated.Contains(exception.Status.Detail));

    /// <summary>Whether a watch that was refused for this is to be made again. An old etcd says of a token that it does not know that it may not do this.</summary>
    public bool IsOutdated(string reason) => user is not null && (IsAboutToken(reason) || reason.Contains(PermissionDenied, StringComparison.Ordinal));

    /// <summary>Whether a server says so of a token that it does not take.</summary>
    public static bool IsAboutToken(string reason) => Outdated.Any(text => reason.Contains(text, StringComparison.Ordinal));

    /// <summary>Whoever is next gets a new one, unless somebody has since.</summary>
    /// <param name="before">What the call was sent with that was refused.</param>
    public void Forget(Metadata before)
    {
        lock (_lock)
        {
            _headers = _headers == before ? null : _headers;
        }
    }

    /// <summary>The same, whatever it is.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _headers = null;
        }
    }

    private async Task<Metadata> Get(Endpoint endpoint, TimeSpan timeout)
    {
        // Whoever began this holds the lock yet.
        await Task.Yield();
        try
        {
            var got = await Login(endpoint, timeout).ConfigureAwait(false);
            lock (_lock)
            {
                _headers = got;
            }

            return got;
        }
        catch (RpcException exception) when (Failures.IsOfServer(exception) || exception.StatusCode == StatusCode.DeadlineExceeded)
        {
            endpoints.Failed(endpoint);
            throw;
        }
        finally
        {
            lock (_lock)
            {
                _getting = null;
            }
        }
    }

    private async Task<Metadata> Login(Endpoint endpoint, TimeSpan timeout)
    {
        try
        {
            var login = await endpoint.Unary.Call(
                UnaryMethods.Authenticate, new AuthenticateRequest { Name = user, Password = password }, None, timeout, CancellationToken.None).ConfigureAwait(false);
            return new Metadata { { "token", login.Token } };
        }
        catch (RpcException exception) when (exception is { StatusCode: StatusCode.FailedPrecondition, Status.Detail: "etcdserver: authentication is not enabled" })
        {
            // It asks nobody, or not yet.
            return [];
        }
    }
}
