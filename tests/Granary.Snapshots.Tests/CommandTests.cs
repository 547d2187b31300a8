namespace Granary.Snapshots.Tests;

/// <summary>The commands as a person meets them: what is refused, what it says, and that nothing was changed.</summary>
public sealed class CommandTests : SnapshotTest
{
    [Fact]
    public async Task A_snapshot_with_authentication_on_is_served_as_it_is_and_goes_back()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await Put(etcd, "secret", "1");
        await Put(etcd, "mine", "2");
        string[][] setUp =
        [
            ["user", "add", "root:pw"], ["user", "grant-role", "root", "root"], ["user", "add", "ann:öä"], ["user", "add", "none", "--no-password"],
            ["role", "add", "reader"], ["role", "grant-permission", "reader", "read", "mine"], ["user", "grant-role", "ann", "reader"], ["auth", "enable"],
        ];
        foreach (var command in setUp)
        {
            MustSucceed(await Tool.Etcdctl(etcd, Stop, command));
        }

        var file = PathOf("auth.db");
        MustSucceed(await Tool.Etcdctl(etcd, Stop, "--user", "root:pw", "snapshot", "save", file));
        await using var granary = await GranaryOf(file);
        await MustDemandUsers(granary);
        MustSucceed(await Tool.Etcdctl(granary, Stop, "--user", "root:pw", "user", "add", "bob:b"));
        MustSucceed(await Tool.Etcdctl(granary, Stop, "--user", "root:pw", "user", "grant-role", "bob", "reader"));

        var back = PathOf("back.db");
        MustSucceed(await Tool.Etcdctl(granary, Stop, "--user", "root:pw", "snapshot", "save", back));
        await using var again = await EtcdOf(back);
        await MustDemandUsers(again);
        Assert.Equal("mine\n2\n", (await Tool.Etcdctl(again, Stop, "--user", "bob:b", "get", "mine")).Output);
        var status = await Tool.Etcdctl(again, Stop, "--user", "root:pw", "auth", "status");
        Assert.Equal((await Tool.Etcdctl(granary, Stop, "--user", "root:pw", "auth", "status")).Output, status.Output);

        await using var imported = Server.NotStarted(Product.Granary);
        MustSucceed(await Tool.Granary(Stop, "import", "--from", granary.Endpoint, "--user", "root:pw", "--data-dir", imported.DataDirectory));
        await imported.StartAgain(Stop);
        await MustDemandUsers(imported);
    }

    [Fact]
    public async Task Authentication_is_turned_off_in_what_is_restored_only_where_that_is_asked_for()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await Put(server, "secret", "1");
        foreach (var command in (string[][])[["user", "add", "root:lost"], ["user", "grant-role", "root", "root"], ["auth", "enable"]])
        {
            MustSucceed(await Tool.Etcdctl(server, Stop, command));
        }

        var file = PathOf("auth.db");
        MustSucceed(await Tool.Etcdctl(server, Stop, "--user", "root:lost", "snapshot", "save", file));
        await using var open = await GranaryOf(file, "--auth-disabled");
        Assert.Equal("1", (await All(open)).Kvs.Single().Value.ToStringUtf8());
        Assert.Equal("root\n", (await Tool.Etcdctl(open, Stop, "user", "list")).Output);
        MustSucceed(await Tool.End(Tool.StartEtcdctl(open, "user", "passwd", "root", "--interactive=false"), Stop, "new"));
        MustSucceed(await Tool.Etcdctl(open, Stop, "auth", "enable"));
        Assert.Equal("secret\n1\n", (await Tool.Etcdctl(open, Stop, "--user", "root:new", "get", "secret")).Output);
    }

    // Of the snapshot above, whoever serves it.
    private static async Task MustDemandUsers(Server server)
    {
        Assert.Contains("user name is empty", (await Tool.Etcdctl(server, Stop, "get", "mine")).Error, StringComparison.Ordinal);
        Assert.Equal("mine\n2\n", (await Tool.Etcdctl(server, Stop, "--user", "ann:öä", "get", "mine")).Output);
        Assert.Contains("permission denied", (await Tool.Etcdctl(server, Stop, "--user", "ann:öä", "get", "secret")).Error, StringComparison.Ordinal);
        Assert.Contains("permission denied", (await Tool.Etcdctl(server, Stop, "--user", "ann:öä", "put", "mine", "3")).Error, StringComparison.Ordinal);
        Assert.Contains("authentication failed", (await Tool.Etcdctl(server, Stop, "--user", "ann:wrong", "get", "mine")).Error, StringComparison.Ordinal);
        Assert.Equal("secret\n1\n", (await Tool.Etcdctl(server, Stop, "--user", "root:pw", "get", "secret")).Output);
    }

    [Fact]
    public async Task A_directory_that_holds_anything_is_never_restored_into()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var file = await Save(server, "some.db");
        Directory.CreateDirectory(PathOf("data"));
        await File.WriteAllTextAsync(PathOf("data/mine"), "", Stop);
        var refused = await Tool.Granary(Stop, "snapshot", "restore", file, "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("not empty", refused.Error, StringComparison.Ordinal);
        Assert.Equal(PathOf("data/mine"), Assert.Single(Directory.EnumerateFileSystemEntries(PathOf("data"))));

        File.Delete(PathOf("data/mine"));
        MustSucceed(await Tool.Granary(Stop, "snapshot", "restore", file, "--data-dir", PathOf("data")));
    }

    [Theory]
    [InlineData("changed", "does not match the SHA-256")]
    [InlineData("cut", "does not end with a hash")]
    [InlineData("text", "does not end with a hash")]
    public async Task A_damaged_file_is_refused_in_one_line_that_names_it(string damage, string reason)
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var file = await Save(server, "some.db");
        var bytes = await File.ReadAllBytesAsync(file, Stop);
        bytes[5000] ^= 1;
        await File.WriteAllBytesAsync(file, damage switch { "changed" => bytes, "cut" => bytes[..^500], _ => "not a snapshot"u8.ToArray() }, Stop);
        var refused = await Tool.Granary(Stop, "snapshot", "restore", file, "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
        Assert.Contains(file, Assert.Single(refused.Error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("data")));
        Assert.Equal(1, (await Tool.Granary(Stop, "snapshot", "status", file)).ExitCode);
    }

    [Fact]
    public async Task Check_finds_a_sound_directory_consistent_and_names_the_damaged_file_of_another()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await Workload.Fill(server, 2000, seed: 1, Stop);
        var busy = await Tool.Granary(Stop, "check", server.DataDirectory);
        Assert.Equal(1, busy.ExitCode);
        Assert.Contains("in use by another process", busy.Error, StringComparison.Ordinal);

        await server.Kill(Stop);
        var sound = await Tool.Granary(Stop, "check", server.DataDirectory);
        MustSucceed(sound);
        Assert.Contains("is consistent", sound.Output, StringComparison.Ordinal);

        var segment = Directory.GetFiles(Path.Combine(server.DataDirectory, "log"), "*.segment").Order().First();
        await MustFind(server, segment, 4096 + 2000);

        await server.StartAgain(Stop);
        await server.Stop(Stop);
        var table = Directory.GetFiles(Path.Combine(server.DataDirectory, "store"), "*.sst").MaxBy(path => new FileInfo(path).Length)!;
        await MustFind(server, table, new FileInfo(table).Length / 2);
        MustSucceed(await Tool.Granary(Stop, "check", server.DataDirectory));
    }

    [Fact]
    public async Task Help_tells_of_every_command()
    {
        foreach (var (command, words) in ((string[], string)[])
            [(["--help"], "import"), (["snapshot", "--help"], "restore"), (["snapshot", "restore", "--help"], "--skip-hash-check"), (["import", "--help"], "--once"), (["check", "--help"], "DIR")])
        {
            var help = await Tool.Granary(Stop, command);
            MustSucceed(help);
            Assert.Contains(words, help.Output, StringComparison.Ordinal);
        }
    }

    private static async Task MustFind(Server server, string file, long offset)
    {
        Flip(file, offset);
        var damaged = await Tool.Granary(Stop, "check", server.DataDirectory);
        Assert.Equal(1, damaged.ExitCode);
        Assert.Contains(Path.GetFileName(file), damaged.Error, StringComparison.Ordinal);
        Flip(file, offset);
    }

    private static void Flip(string path, long offset)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x40));
    }
}
