using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Nemesis.Tests;

/// <summary>The tokens of users, by which everybody calls as one of them. A server that has started since knows none that is older: a new one is got then.</summary>
internal sealed class Logins : IDisposable
{
    /// <summary>The user who may do everything.</summary>
    public const string Root = "root";

    /// <summary>The role of who may do what not everybody may.</summary>
    public const string Role = "editor";

    private const string Password = "a password";

    private readonly ConcurrentDictionary<string, Metadata> _headers = new();
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>What a call of a user is sent with.</summary>
    public Metadata Of(string user) => _headers[user];

    /// <summary>Has the server ask everybody who they are from now on.</summary>
    /// <param name="channel">To a server that asks nobody yet.</param>
    /// <param name="from">The first of the keys that the user may write and read to whom it is permitted.</param>
    /// <param name="to">The one behind the last of them.</param>
    public async Task Demand(GrpcChannel channel, string from, string to)
    {
        var auth = new Auth.AuthClient(channel);
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = Root });
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = Role });
        await auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest
        {
            Name = Role,
            Perm = new Permission { PermType = Permission.Types.Type.Readwrite, Key = Requests.Bytes(from), RangeEnd = Requests.Bytes(to) },
        });
        await auth.UserAddAsync(new AuthUserAddRequest { Name = Root, Password = Password });
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = Root, Role = Root });
        await auth.AuthEnableAsync(new AuthEnableRequest());
        await Renew(channel, Root, before: null);
    }

    /// <summary>Makes a user who may do nothing yet.</summary>
    /// <exception cref="RpcException">It may be there or not.</exception>
    public async Task Add(GrpcChannel channel, string user, DateTime deadline)
    {
        await new Auth.AuthClient(channel).UserAddAsync(new AuthUserAddRequest { Name = user, Password = Password }, Of(Root), deadline);
        await Renew(channel, user, before: null);
    }

    /// <summary>Gets a new token, unless somebody else has got one since.</summary>
    /// <param name="channel">To the server that does not know the token.</param>
    /// <param name="user">Whose token.</param>
    /// <param name="before">What the call was sent with that was refused; null: there is none.</param>
    /// <exception cref="RpcException">There is none to be had.</exception>
    public async Task Renew(GrpcChannel channel, string user, Metadata? before)
    {
        await _turn.WaitAsync();
        try
        {
            if (_headers.GetValueOrDefault(user) == before)
            {
                var login = await new Auth.AuthClient(channel).AuthenticateAsync(
                    new AuthenticateRequest { Name = user, Password = Password }, deadline: DateTime.UtcNow + Requests.Deadline);
                _headers[user] = new Metadata { { "token", login.Token } };
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
