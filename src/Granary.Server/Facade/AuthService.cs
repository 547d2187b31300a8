using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Identity;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Auth service: hashes passwords, has the log decide each change, gives out tokens.</summary>
internal sealed class AuthService(
    Replica replica, Leading leading, GrainRouter router, Member member, Callers callers, ITokens tokens, SessionSharing sharing, Passwords passwords, CallErrors errors) : Protos.Auth.AuthBase
{
    public override Task<AuthEnableResponse> AuthEnable(AuthEnableRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthEnableResponse { Header = header });

    public override Task<AuthDisableResponse> AuthDisable(AuthDisableRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthDisableResponse { Header = header });

    public override Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, ServerCallContext context) => Read(
        context,
        (auth, caller) =>
        {
            EtcdException.ThrowIf(AccessRules.CheckAdmin(auth, caller));
            return new AuthStatusResponse { Enabled = auth.IsEnabled, AuthRevision = auth.Revision };
        },
        (response, header) => response.Header = header);

    public override async Task<AuthenticateResponse> Authenticate(AuthenticateRequest request, ServerCallContext context)
    {
        try
        {
            return new AuthenticateResponse { Token = await LogIn(request, context.CancellationToken), Header = member.NewHeader() };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override Task<AuthUserAddResponse> UserAdd(AuthUserAddRequest request, ServerCallContext context) => Change(
        request,
        context,
        header => new AuthUserAddResponse { Header = header },
        () => request.Options?.NoPassword is true ? Task.FromResult(ByteString.Empty) : passwords.Hash(request.Password, context.CancellationToken));

    public override Task<AuthUserGetResponse> UserGet(AuthUserGetRequest request, ServerCallContext context) => Read(
        context, (auth, caller) => AuthRules.Get(auth, caller, request), (response, header) => response.Header = header);

    public override Task<AuthUserListResponse> UserList(AuthUserListRequest request, ServerCallContext context) => Read(
        context, (auth, caller) => AuthRules.List(auth, caller, request), (response, header) => response.Header = header);

    public override Task<AuthUserDeleteResponse> UserDelete(AuthUserDeleteRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthUserDeleteResponse { Header = header });

    public override Task<AuthUserChangePasswordResponse> UserChangePassword(AuthUserChangePasswordRequest request, ServerCallContext context) => Change(
        request,
        context,
        header => new AuthUserChangePasswordResponse { Header = header },
        () => request.Password.Length > 0 ? passwords.Hash(request.Password, context.CancellationToken) : Task.FromResult(GivenHash(request)));

    public override Task<AuthUserGrantRoleResponse> UserGrantRole(AuthUserGrantRoleRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthUserGrantRoleResponse { Header = header });

    public override Task<AuthUserRevokeRoleResponse> UserRevokeRole(AuthUserRevokeRoleRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthUserRevokeRoleResponse { Header = header });

    public override Task<AuthRoleAddResponse> RoleAdd(AuthRoleAddRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthRoleAddResponse { Header = header });

    public override Task<AuthRoleGetResponse> RoleGet(AuthRoleGetRequest request, ServerCallContext context) => Read(
        context, (auth, caller) => AuthRules.Get(auth, caller, request), (response, header) => response.Header = header);

    public override Task<AuthRoleListResponse> RoleList(AuthRoleListRequest request, ServerCallContext context) => Read(
        context, (auth, caller) => AuthRules.List(auth, caller, request), (response, header) => response.Header = header);

    public override Task<AuthRoleDeleteResponse> RoleDelete(AuthRoleDeleteRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthRoleDeleteResponse { Header = header });

    public override Task<AuthRoleGrantPermissionResponse> RoleGrantPermission(AuthRoleGrantPermissionRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthRoleGrantPermissionResponse { Header = header });

    public override Task<AuthRoleRevokePermissionResponse> RoleRevokePermission(AuthRoleRevokePermissionRequest request, ServerCallContext context) =>
        Change(request, context, header => new AuthRoleRevokePermissionResponse { Header = header });

    // What the client has hashed itself, in base64; nothing for a password by which nobody gets in.
    private static ByteString GivenHash(AuthUserChangePasswordRequest request)
    {
        try
        {
            // .NET reads over blanks, Go does not.
            return request.HashedPassword.AsSpan().IndexOfAny(' ', '\t') < 0 ? ByteString.FromBase64(request.HashedPassword) : throw new FormatException();
        }
        catch (FormatException)
        {
            throw new EtcdException(EtcdError.UserWithoutPassword);
        }
    }

    private static EtcdError? CheckPassword(IMessage request) => request switch
    {
        AuthUserAddRequest { Options.NoPassword: true } => null,
        AuthUserAddRequest add => Passwords.Check(add.Password),
        AuthUserChangePasswordRequest change => Passwords.Check(change.Password),
        _ => null,
    };

    private async Task<string> LogIn(AuthenticateRequest request, CancellationToken cancellationToken)
    {
        await leading.Prove(cancellationToken);
        while (true)
        {
            var user = FindUser(replica.State.Auth, request.Name);
            EtcdException.ThrowIf(user?.Options?.NoPassword is true ? EtcdError.UserWithoutPassword : null);
            if (!await passwords.Verify(request.Password, user?.Password, cancellationToken))
            {
                throw new EtcdException(EtcdError.AuthFailed);
            }

            // The password may have been changed while it was compared.
            var state = replica.State;
            if (FindUser(state.Auth, request.Name) is { } now && now.Password == user!.Password)
            {
                var token = tokens.Assign(state.Auth, now, state.AppliedIndex);
                if (tokens.Share(token, state.AppliedIndex) is { } session)
                {
                    await sharing.Tell(session);
                }

                return token;
            }
        }
    }

    private static User? FindUser(AuthState auth, string name)
    {
        EtcdException.ThrowIf(auth.IsEnabled ? null : EtcdError.AuthNotEnabled);
        return auth.Users.GetValueOrDefault(name);
    }

    private async Task<TResponse> Read<TResponse>(
        ServerCallContext context, Func<AuthState, Caller, TResponse> read, Action<TResponse, ResponseHeader> setHeader)
    {
        try
        {
            await leading.Prove(context.CancellationToken);
            var response = read(replica.State.Auth, callers.Of(context));
            setHeader(response, member.NewHeader());
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    private async Task<TResponse> Change<TResponse>(
        IMessage request, ServerCallContext context, Func<ResponseHeader, TResponse> answer, Func<Task<ByteString>>? hash = null)
    {
        try
        {
            EtcdException.ThrowIf(CheckPassword(request));
            await leading.Prove(context.CancellationToken);
            var caller = callers.Of(context);

            // Hashing takes long: nobody has it done who may not change anything. Whether they may is decided again with the change.
            EtcdException.ThrowIf(AccessRules.CheckAdmin(replica.State.Auth, caller));
            var hashed = hash is null ? ByteString.Empty : await hash();
            context.CancellationToken.ThrowIfCancellationRequested();
            var leader = await leading.Reach(context.CancellationToken);
            var index = await leading.Written(leader, router.Keyspace(leader).ChangeAuth(new AuthRequest(request), hashed, caller, context.CancellationToken));
            await leading.SeenIndex(leader, index, context.CancellationToken);
            return answer(member.NewHeader());
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }
}
