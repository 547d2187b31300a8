using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Server.InCluster;
using Granary.Server.Tls;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Identity;

/// <summary>
/// Knows on whose behalf a call is made: by the token in its headers, else by the certificate of its connection. A call from within the process says it
/// itself.
/// </summary>
internal sealed class Callers(Replica replica, ITokens tokens)
{
    private const string TokenHeader = "token";
    private const string BearerPrefix = "Bearer ";

    /// <summary>Whose call it is; nobody's where authentication is off, whatever token it has.</summary>
    /// <exception cref="EtcdException">It has a token, and that is nobody's.</exception>
    public Caller Of(ServerCallContext context)
    {
        var auth = replica.State.Auth;
        if (!auth.IsEnabled)
        {
            return Caller.Nobody;
        }

        if (context is InClusterCall direct)
        {
            return direct.Caller;
        }

        var http = context.GetHttpContext();
        return ByToken(auth, http.Request.Headers)
            ?? (http.Features.Get<CertificateUser>()?.Name is { Length: > 0 } name ? Caller.Of(name) : Caller.Nobody);
    }

    /// <summary>Whether it is a user's call, or the server's own; where authentication is off everybody's is.</summary>
    public bool IsUser(ServerCallContext context) => KnownOf(context) is { } caller && IsUser(caller);

    /// <inheritdoc cref="IsUser(ServerCallContext)"/>
    public bool IsUser(Caller caller)
    {
        var auth = replica.State.Auth;
        return !auth.IsEnabled || caller.IsServer || (caller.User is { } name && auth.Users.ContainsKey(name));
    }

    /// <summary>The name of the user whose call it is, as far as that is known; null for nobody.</summary>
    public string? NameOf(ServerCallContext context) => KnownOf(context)?.User;

    /// <summary>Whose call it is, of one that every user may make.</summary>
    /// <exception cref="EtcdException">It is not a user's.</exception>
    public Caller User(ServerCallContext context)
    {
        var caller = Of(context);
        EtcdException.ThrowIf(AccessRules.CheckUser(replica.State.Auth, caller));
        return caller;
    }

    /// <summary>Whose call it is, of one that only who has the role root may make.</summary>
    /// <exception cref="EtcdException">It is not one of those.</exception>
    public Caller Admin(ServerCallContext context)
    {
        var caller = Of(context);
        EtcdException.ThrowIf(AccessRules.CheckAdmin(replica.State.Auth, caller));
        return caller;
    }

    /// <summary>Sees to it that a request that is no call is of somebody who has the role root. Its certificate says nothing, as with the gateway.</summary>
    /// <exception cref="EtcdException">It is not.</exception>
    public void Admin(IHeaderDictionary headers)
    {
        var auth = replica.State.Auth;
        if (auth.IsEnabled)
        {
            EtcdException.ThrowIf(AccessRules.CheckAdmin(auth, ByToken(auth, headers) ?? Caller.Nobody));
        }
    }

    private Caller? KnownOf(ServerCallContext context)
    {
        try
        {
            return Of(context);
        }
        catch (EtcdException)
        {
            return null;
        }
    }

    private Caller? ByToken(AuthState auth, IHeaderDictionary headers) =>
        TokenOf(headers) is { } token ? tokens.Find(auth, token) ?? throw new EtcdException(EtcdError.InvalidAuthToken) : null;

    private static string? TokenOf(IHeaderDictionary headers)
    {
        if (headers.TryGetValue(TokenHeader, out var own) && own.Count > 0)
        {
            return own[0] ?? "";
        }

        var authorization = headers.Authorization;
        return authorization.Count == 0 ? null
            : authorization[0]!.StartsWith(BearerPrefix, StringComparison.Ordinal) ? authorization[0]![BearerPrefix.Length..]
            : authorization[0];
    }
}
