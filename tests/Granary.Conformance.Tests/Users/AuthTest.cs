using Google.Protobuf;
using Xunit.Sdk;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests.Users;

/// <summary>A test that begins without users, and speaks to both as one of those that it makes.</summary>
public abstract class AuthTest(AuthPair pair) : ConformanceTest(pair)
{
    private readonly List<string> _said = [];

    public override async ValueTask InitializeAsync()
    {
        await pair.Clear(Cancellation);
        await base.InitializeAsync();
    }

    /// <summary>The same request to both as a user: null for nobody, a name that nobody has logged in with for a token that nobody has.</summary>
    internal async Task<Answer> As(string? user, IMessage request)
    {
        var (etcd, subject) = await pair.AskAs(user, request, Cancellation);
        _said.Add($"{user ?? "nobody"}: {Rendering.Of(request)}");
        return etcd == subject
            ? subject
            : throw new XunitException(
                $"{string.Join('\n', _said.TakeLast(60))}\netcd:    {etcd}\nsubject: {subject}{pair.LastWords()}\n{await RightsOf(user)}");
    }

    /// <summary>The same request to both, whose answers may differ.</summary>
    internal Task<(Answer Etcd, Answer Subject)> AskAs(string? user, IMessage request) => pair.AskAs(user, request, Cancellation);

    // For the one who has to find out why the answers differ.
    private async Task<string> RightsOf(string? user)
    {
        var (_, subject) = await pair.AskAs("root", new AuthUserGetRequest { Name = user ?? "" }, Cancellation);
        var rights = new List<string> { $"{user} has {subject}" };
        foreach (var role in (subject.Message as AuthUserGetResponse)?.Roles ?? [])
        {
            rights.Add($"{role}: {(await pair.AskAs("root", new AuthRoleGetRequest { Role = role }, Cancellation)).Subject}");
        }

        return string.Join('\n', rights);
    }

    /// <summary>As root, and it succeeds.</summary>
    internal async Task Root(params IMessage[] requests)
    {
        foreach (var request in requests)
        {
            var answer = await As("root", request);
            Assert.True(answer.Message is not null, $"{Rendering.Of(request)}: {answer}");
        }
    }

    internal async Task<Answer> LogIn(string user, string password)
    {
        _said.Add($"{user} logs in with {password}");
        return await pair.LogIn(user, password, Cancellation);
    }

    /// <summary>Makes the user and the role root, turns authentication on and logs in.</summary>
    internal async Task Enable()
    {
        foreach (var request in (IMessage[])
            [
                AddUser("root", AuthPair.RootPassword), AddRole("root"), GrantRole("root", "root"), new AuthEnableRequest(),
            ])
        {
            await As(null, request);
        }

        Assert.NotNull((await LogIn("root", AuthPair.RootPassword)).Message);
    }

    internal static AuthUserAddRequest AddUser(string name, string password) => new() { Name = name, Password = password };

    internal static AuthRoleAddRequest AddRole(string name) => new() { Name = name };

    internal static AuthUserGrantRoleRequest GrantRole(string user, string role) => new() { User = user, Role = role };

    internal static AuthUserRevokeRoleRequest RevokeRole(string user, string role) => new() { Name = user, Role = role };

    internal static AuthRoleGrantPermissionRequest Grant(string role, Permission.Types.Type kind, string key, string end = "") => new()
    {
        Name = role,
        Perm = new Permission { PermType = kind, Key = Bytes(key), RangeEnd = Bytes(end) },
    };

    internal static AuthRoleRevokePermissionRequest Revoke(string role, string key, string end = "") =>
        new() { Role = role, Key = Bytes(key), RangeEnd = Bytes(end) };
}
