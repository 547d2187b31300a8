using System.Text.RegularExpressions;

namespace Granary.Snapshots.Tests;

/// <summary>Whose data directory it is: a server starts on its own only, and says the way in when it is that of an etcd.</summary>
public sealed partial class DataDirectoryTests : SnapshotTest
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_data_directory_of_an_etcd_is_refused_with_the_ways_in_that_then_work(bool hasStopped)
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await Put(etcd, "moved", "in");
        if (hasStopped)
        {
            await etcd.Stop(Stop);
        }

        // While it runs it may write at any time.
        var before = hasStopped ? Contents(etcd.DataDirectory) : [];
        var refused = await Tool.Granary(Stop, "serve", "--data-dir", etcd.DataDirectory);
        Assert.Equal(1, refused.ExitCode);
        var line = Assert.Single(refused.All.Trim().Split('\n'));
        Assert.Equal("member", Path.GetFileName(Assert.Single(Directory.EnumerateFileSystemEntries(etcd.DataDirectory))));

        await using var granary = Server.NotStarted(Product.Granary);
        var commands = Command().Matches(line).Select(command => command.Groups[1].Value
            .Replace("NEW", granary.DataDirectory, StringComparison.Ordinal)
            .Replace("HOST:PORT", etcd.Endpoint, StringComparison.Ordinal)
            .Split(' ')).ToList();
        Assert.Equal(["snapshot", "import", "serve"], commands.Select(command => command[0]));
        MustSucceed(await Tool.Granary(Stop, commands[hasStopped ? 0 : 1]));
        if (hasStopped)
        {
            Assert.Equal(before, Contents(etcd.DataDirectory));
        }

        await granary.StartAgain(Stop);
        Assert.Equal("in", Assert.Single((await All(granary)).Kvs).Value.ToStringUtf8());
    }

    [Theory]
    [InlineData("notes.txt", "notes.txt in it is")]
    [InlineData(".hidden", ".hidden in it is")]
    [InlineData("CURRENT", "CURRENT in it is")]
    [InlineData("snapshot.db", "snapshot.db in it is")]
    [InlineData("member/other", "member in it is")]
    [InlineData("zlast other", "other in it and 1 more are")]
    public async Task A_directory_with_files_of_others_is_refused_and_left_as_it_was(string files, string reason)
    {
        Fill(PathOf("data"), files);
        var before = Contents(PathOf("data"));
        var refused = await Tool.Granary(Stop, "serve", "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(reason, Assert.Single(refused.All.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(before, Contents(PathOf("data")));
    }

    [Fact]
    public async Task A_server_does_not_start_again_beside_an_etcd_that_has_begun_in_its_directory()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await server.Stop(Stop);
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await etcd.Stop(Stop);
        Directory.Move(Path.Combine(etcd.DataDirectory, "member"), Path.Combine(server.DataDirectory, "member"));
        var (exitCode, said) = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, exitCode);
        Assert.Contains("holds the data of an etcd", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_disk_has_or_a_crash_leaves_is_no_strangers()
    {
        await using var server = Server.NotStarted(Product.Granary);
        Fill(server.DataDirectory, "lost+found/ .writable .nfs00000000012c0001 spool-0123456789abcdef0123456789abcdef.tmp core.4711 lock");
        await server.StartAgain(Stop);
        await Put(server, "k", "v");
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        Assert.Single((await All(server)).Kvs);
        await server.Stop(Stop);
        MustSucceed(await Tool.Granary(Stop, "check", server.DataDirectory));
    }

    [Fact]
    public async Task A_restore_removes_what_an_earlier_one_left_and_nothing_else()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await Put(server, "k", "v");
        var file = await Save(server, "some.db");
        Fill(PathOf("data.unfinished"), "unfinished lock store/CURRENT snapshot.db mine");
        var refused = await Tool.Granary(Stop, "snapshot", "restore", file, "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("mine in it is", Assert.Single(refused.All.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(5, Directory.EnumerateFileSystemEntries(PathOf("data.unfinished")).Count());

        File.Delete(PathOf("data.unfinished/mine"));
        MustSucceed(await Tool.Granary(Stop, "snapshot", "restore", file, "--data-dir", PathOf("data")));
        Assert.False(Directory.Exists(PathOf("data.unfinished")));
    }

    /// <summary>Puts empty files, and directories where a name ends with a slash, into a directory.</summary>
    private static void Fill(string directory, string names)
    {
        foreach (var path in names.Split(' ').Select(name => Path.Combine(directory, name)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (!path.EndsWith('/'))
            {
                File.WriteAllBytes(path, []);
            }
        }
    }

    /// <summary>What is below a directory, with the time at which each was written.</summary>
    private static List<string> Contents(string directory) => [.. new DirectoryInfo(directory)
        .EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
        .Select(entry => $"{entry.FullName} {entry.LastWriteTimeUtc:O}")
        .Order(StringComparer.Ordinal)];

    [GeneratedRegex("`granary ([^`]+)`")]
    private static partial Regex Command();
}
