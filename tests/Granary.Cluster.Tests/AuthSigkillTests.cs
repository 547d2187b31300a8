using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>A server that is killed in the middle of changes of users and roles: each change is there as a whole, or not at all.</summary>
public sealed class AuthSigkillTests
{
    private const int Rounds = 5;
    private const int Users = 200;

    // The state that each auth revision must have: users with their roles, and roles.
    private readonly Dictionary<ulong, string> _states = [];
    private readonly SortedDictionary<string, SortedSet<string>> _users = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _roles = new(StringComparer.Ordinal);
    private ulong _revision = 1;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Users_and_roles_are_as_before_or_as_after_the_change_that_was_cut_off()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var server = await Server.Start(Product.Granary, Stop, "--bcrypt-cost=4");
        await Set(server, new AuthRoleAddRequest { Name = "all" });
        for (var i = 0; i < Users; i++)
        {
            await Set(server, new AuthUserAddRequest { Name = $"u{i}", Options = new UserAddOptions { NoPassword = true } });
            await Set(server, new AuthUserGrantRoleRequest { User = $"u{i}", Role = "all" });
        }

        for (var round = 0; round < Rounds; round++)
        {
            var killing = Kill(server, TimeSpan.FromMilliseconds(random.Next(50, 600)));
            try
            {
                while (true)
                {
                    await Set(server, Next(random));
                }
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled)
            {
                // Cut off.
            }

            await killing;
            await server.StartAgain(Stop);
            await MustBeWhole(server);
        }
    }

    // A role that everybody has comes and goes: each time it goes, all users change at once.
    private Google.Protobuf.IMessage Next(Random random)
    {
        var user = $"u{random.Next(Users)}";
        return !_roles.Contains("all") ? new AuthRoleAddRequest { Name = "all" }
            : random.Next(10) == 0 ? new AuthRoleDeleteRequest { Role = "all" }
            : !_users.TryGetValue(user, out var roles) ? new AuthUserAddRequest { Name = user, Options = new UserAddOptions { NoPassword = true } }
            : random.Next(20) == 0 ? new AuthUserDeleteRequest { Name = user }
            : roles.Contains("all") ? new AuthUserRevokeRoleRequest { Name = user, Role = "all" }
            : new AuthUserGrantRoleRequest { User = user, Role = "all" };
    }

    private async Task Set(Server server, Google.Protobuf.IMessage request)
    {
        switch (request)
        {
            case AuthRoleAddRequest add:
                _roles.Add(add.Name);
                break;
            case AuthRoleDeleteRequest delete:
                _roles.Remove(delete.Role);
                foreach (var roles in _users.Values)
                {
                    roles.Remove(delete.Role);
                }

                break;
            case AuthUserAddRequest add:
                _users.Add(add.Name, new SortedSet<string>(StringComparer.Ordinal));
                break;
            case AuthUserDeleteRequest delete:
                _users.Remove(delete.Name);
                break;
            case AuthUserGrantRoleRequest grant:
                _users[grant.User].Add(grant.Role);
                break;
            case AuthUserRevokeRoleRequest revoke:
                _users[revoke.Name].Remove(revoke.Role);
                break;
        }

        _states[_revision + 1] = Rendered();
        var auth = new Auth.AuthClient(server.Channel);
        var options = new CallOptions(deadline: DateTime.UtcNow.AddSeconds(30), cancellationToken: Stop);
        _ = request switch
        {
            AuthRoleAddRequest add => (object)await auth.RoleAddAsync(add, options),
            AuthRoleDeleteRequest delete => await auth.RoleDeleteAsync(delete, options),
            AuthUserAddRequest add => await auth.UserAddAsync(add, options),
            AuthUserDeleteRequest delete => await auth.UserDeleteAsync(delete, options),
            AuthUserGrantRoleRequest grant => await auth.UserGrantRoleAsync(grant, options),
            AuthUserRevokeRoleRequest revoke => await auth.UserRevokeRoleAsync(revoke, options),
            _ => throw new ArgumentException(request.Descriptor.Name, nameof(request)),
        };
        _revision++;
    }

    private async Task MustBeWhole(Server server)
    {
        var auth = new Auth.AuthClient(server.Channel);
        var revision = (await auth.AuthStatusAsync(new AuthStatusRequest(), cancellationToken: Stop)).AuthRevision;
        Assert.InRange(revision, _revision, _revision + 1);

        var roles = (await auth.RoleListAsync(new AuthRoleListRequest(), cancellationToken: Stop)).Roles.ToList();
        var users = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var name in (await auth.UserListAsync(new AuthUserListRequest(), cancellationToken: Stop)).Users)
        {
            users.Add(name, new SortedSet<string>(
                (await auth.UserGetAsync(new AuthUserGetRequest { Name = name }, cancellationToken: Stop)).Roles, StringComparer.Ordinal));
        }

        _roles.Clear();
        _roles.UnionWith(roles);
        _users.Clear();
        foreach (var (name, held) in users)
        {
            _users.Add(name, held);
        }

        Assert.Equal(_states[revision], Rendered());
        _revision = revision;
    }

    private string Rendered() =>
        $"{string.Join(',', _roles)}; {string.Join(' ', _users.Select(user => $"{user.Key}:{string.Join(',', user.Value)}"))}";

    private static async Task Kill(Server server, TimeSpan delay)
    {
        await Task.Delay(delay, Stop);
        await server.Kill(Stop);
    }
}
