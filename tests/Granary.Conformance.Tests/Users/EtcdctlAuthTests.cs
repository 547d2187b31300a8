namespace Granary.Conformance.Tests.Users;

/// <summary>etcdctl's commands for users, roles and the switch, as a person uses them: the same on the screen of both.</summary>
public sealed class EtcdctlAuthTests(AuthPair pair) : AuthTest(pair), IClassFixture<AuthPair>
{
    private static readonly string[] AsRoot = ["--user", $"root:{AuthPair.RootPassword}"];

    [Fact]
    public async Task Users_and_roles_print_the_same()
    {
        await Same("user", "add", "ann:secret");
        await Same("user", "add", "ann:secret");
        await SameFor("typed\n", "user", "add", "bob", "--interactive=false");
        await Same("user", "add", "cert", "--no-password");
        await Same("user", "add", "--new-user-password=x", "dora");
        await Same("user", "list");
        await Same("role", "add", "reader");
        await Same("role", "add", "reader");
        await Same("role", "grant-permission", "reader", "read", "a");
        await Same("role", "grant-permission", "reader", "read", "dir/", "--prefix");
        await Same("role", "grant-permission", "reader", "readwrite", "b", "d");
        await Same("role", "grant-permission", "reader", "write", "x", "--from-key");
        await Same("role", "grant-permission", "reader", "write", "z", "y");
        await Same("role", "grant-permission", "none", "write", "z");
        await Same("role", "get", "reader");
        await Same("role", "get", "none");
        await Same("role", "list");
        await Same("user", "grant-role", "ann", "reader");
        await Same("user", "grant-role", "ann", "none");
        await Same("user", "get", "ann");
        await Same("user", "get", "ann", "--detail");
        await Same("user", "get", "none");
        await Same("role", "revoke-permission", "reader", "a");
        await Same("role", "revoke-permission", "reader", "a");
        await Same("role", "revoke-permission", "reader", "dir/", "--prefix");
        await Same("role", "get", "reader", "-w", "json");
        await SameFor("changed\n", "user", "passwd", "bob", "--interactive=false");
        await Same("user", "revoke-role", "ann", "reader");
        await Same("user", "revoke-role", "ann", "reader");
        await Same("user", "delete", "dora");
        await Same("user", "delete", "dora");
        await Same("role", "delete", "reader");
        await Same("role", "delete", "reader");
        await Same("auth", "status");
    }

    [Fact]
    public async Task Authentication_goes_on_and_off_and_is_demanded_in_between()
    {
        await Same("auth", "enable");
        await Same("user", "add", $"root:{AuthPair.RootPassword}");
        await Same("user", "add", "ann:a");
        await Same("role", "add", "mine");
        await Same("role", "grant-permission", "mine", "readwrite", "mine/", "--prefix");
        await Same("user", "grant-role", "ann", "mine");
        await Same("auth", "enable");
        await Same("put", "mine/1", "x");
        string[] ann = ["--user", "ann:a"];
        await Same([.. ann, "put", "mine/1", "x"]);
        await Same([.. ann, "put", "yours", "x"]);
        await Same([.. ann, "get", "mine/", "--prefix"]);
        await Same([.. ann, "get", "", "--prefix"]);
        await Same([.. ann, "del", "mine/", "--prefix"]);
        await SameFor("mod(\"yours\") = \"0\"\n\nput mine/2 y\n\nput mine/3 z\n\n", [.. ann, "txn"]);
        await SameFor("mod(\"mine/1\") = \"0\"\n\nput mine/2 y\n\nput mine/3 z\n\n", [.. ann, "txn"]);
        await Same([.. ann, "compaction", "1"]);
        await Same([.. ann, "user", "list"]);
        await Same([.. ann, "user", "get", "ann"]);
        await Same([.. ann, "role", "get", "mine"]);
        await Same("--user", "ann:wrong", "get", "mine/1");
        await Same("--user", "ann", "--password", "a", "get", "mine/2");
        await Same([.. AsRoot, "get", "", "--prefix"]);
        await Same([.. AsRoot, "user", "list"]);
        await Same([.. AsRoot, "auth", "status"]);
        await Same([.. AsRoot, "auth", "disable"]);
        await Same("get", "", "--prefix");
        await Same([.. ann, "get", "", "--prefix"]);
    }

    private Task Same(params string[] arguments) => SameFor("", arguments);

    private async Task SameFor(string input, params string[] arguments)
    {
        var etcd = Output(Pair.Etcd, input, arguments);
        var subject = Output(Pair.Subject, input, arguments);
        Assert.Equal(await etcd, await subject);
    }

    // etcdctl's own warnings, which come before its error, have addresses and times; answers have ids.
    private static async Task<string> Output(Server server, string input, string[] arguments)
    {
        var run = await Tool.End(Tool.StartEtcdctl(server, arguments), Cancellation, input);
        var lines = run.All.Split('\n').Where(line => !line.StartsWith("{\"level\"", StringComparison.Ordinal));
        return $"{string.Join(' ', arguments)}\n{EtcdctlTests.WithoutIds(string.Join('\n', lines))}exit code {run.ExitCode}";
    }
}
