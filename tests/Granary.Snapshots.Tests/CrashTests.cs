using Google.Protobuf;

namespace Granary.Snapshots.Tests;

/// <summary>SIGKILL in the middle of a restore or an import: the directory is whole or not there, and running it again makes it.</summary>
public sealed class CrashTests : SnapshotTest
{
    private const int Keys = 40_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Moments => new("unfinished", "store/CURRENT", "store/*.sst", "lock");

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task A_restore_that_is_killed_leaves_nothing_that_a_server_takes(string whenThere)
    {
        await using var source = await Server.Start(Product.Granary, Stop);
        await FillQuickly(source);
        var file = await Save(source, "source.db");
        await KilledThenRunAgain(source, whenThere, "snapshot", "restore", file, "--data-dir");
    }

    [Theory]
    [InlineData("snapshot.db", "--as-snapshot", "--data-dir")]
    [InlineData("store/CURRENT", "--as-snapshot", "--data-dir")]
    [InlineData("store/CURRENT", "--data-dir")]
    [InlineData("store/*.sst", "--data-dir")]
    public async Task An_import_that_is_killed_leaves_nothing_that_a_server_takes(string whenThere, params string[] options)
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await FillQuickly(source);
        await KilledThenRunAgain(source, whenThere, ["import", "--from", source.Endpoint, .. options]);
    }

    [Fact]
    public async Task A_snapshot_whose_source_breaks_off_is_fetched_anew()
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await FillQuickly(source);
        await using var proxy = new CuttingProxy(source.Endpoint, bytesPerConnection: 1_000_000, cuts: 1);
        await using var target = Server.NotStarted(Product.Granary);
        var run = await Tool.Granary(Stop, "import", "--from", proxy.Endpoint, "--data-dir", target.DataDirectory, "--as-snapshot");
        MustSucceed(run);
        Assert.Contains("beginning anew", run.Error, StringComparison.Ordinal);
        await target.StartAgain(Stop);
        await MustBeAlike(source, target, 0);
    }

    [Fact]
    public async Task A_server_that_is_killed_while_it_sends_a_snapshot_loses_nothing_and_leaves_no_file()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await FillQuickly(server);
        var before = await All(server);
        using (var snapshot = new Maintenance.MaintenanceClient(server.Channel).Snapshot(new SnapshotRequest(), cancellationToken: Stop))
        {
            Assert.True(await snapshot.ResponseStream.MoveNext(Stop));
            await server.Kill(Stop);
        }

        Assert.Equal(["lock", "log", "store"], Directory.EnumerateFileSystemEntries(server.DataDirectory).Select(Path.GetFileName).Order());
        await server.StartAgain(Stop);
        var after = await All(server);
        Assert.Equal(before.Header.Revision, after.Header.Revision);
        MustEqual(before.Kvs, after.Kvs, "pairs");
        await Save(server, "again.db");
    }

    [Fact]
    public async Task An_interrupted_restore_removes_what_it_began()
    {
        await using var source = await Server.Start(Product.Granary, Stop);
        await FillQuickly(source);
        var file = await Save(source, "source.db");
        using var restore = Tool.StartGranary("snapshot", "restore", file, "--data-dir", PathOf("data"));
        await Eventually.Holds(
            "the restore has begun", () => Task.FromResult(restore.HasExited || File.Exists(PathOf("data.unfinished/lock"))), Deadline, Stop);
        if (!restore.HasExited)
        {
            Signals.Send(restore, Signals.Interrupt);
        }

        var run = await Tool.End(restore, Stop);
        Assert.False(Directory.Exists(PathOf("data.unfinished")));
        Assert.True(run.ExitCode is 130 && !Directory.Exists(PathOf("data")) || run.ExitCode is 0 && Directory.Exists(PathOf("data")), $"{run}");
    }

    private static async Task KilledThenRunAgain(Server source, string whenThere, params string[] command)
    {
        await using var target = Server.NotStarted(Product.Granary);
        string[] arguments = [.. command, target.DataDirectory];
        var unfinished = target.DataDirectory + ".unfinished";
        using (var process = Tool.StartGranary(arguments))
        {
            await Eventually.Holds($"{whenThere} is there", () => Task.FromResult(process.HasExited || IsThere(unfinished, whenThere)), Deadline, Stop);
            process.Kill();
            await process.WaitForExitAsync(Stop);
        }

        // It may have been done just before.
        if (!Directory.Exists(target.DataDirectory))
        {
            var refused = await Tool.Granary(Stop, "serve", "--data-dir", unfinished, "--listen-client-urls", target.Address, "--advertise-client-urls", target.Address);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("interrupted restore", refused.Error, StringComparison.Ordinal);
            Assert.Equal(1, (await Tool.Granary(Stop, "check", unfinished)).ExitCode);
            var left = Directory.Exists(Path.Combine(unfinished, "store")) || File.Exists(Path.Combine(unfinished, "snapshot.db"));
            var again = await Tool.Granary(Stop, arguments);
            MustSucceed(again);

            // It may have been killed before there was anything.
            Assert.Equal(left, again.Error.Contains("an earlier attempt left", StringComparison.Ordinal));
        }

        Assert.False(Directory.Exists(unfinished));
        MustSucceed(await Tool.Granary(Stop, "check", target.DataDirectory));
        await target.StartAgain(Stop);
        await MustBeAlike(source, target, 0);
    }

    private static bool IsThere(string directory, string pattern) =>
        Path.Combine(directory, pattern) is var path && Directory.Exists(Path.GetDirectoryName(path))
        && Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path)).Any();

    private static async Task FillQuickly(Server server)
    {
        var kv = new KV.KVClient(server.Channel);
        var value = ByteString.CopyFrom(new byte[100]);
        await Parallel.ForEachAsync(Enumerable.Range(0, Keys / 100), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Stop }, async (part, token) =>
        {
            var txn = new TxnRequest();
            for (var i = 0; i < 100; i++)
            {
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes($"{part:D6}/{i:D2}"), Value = value } });
            }

            await kv.TxnAsync(txn, cancellationToken: token);
        });
    }
}
