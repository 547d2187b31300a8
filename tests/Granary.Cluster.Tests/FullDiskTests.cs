using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>A server whose disk is full: it refuses what takes space, loses nothing, and goes on by itself when there is room.</summary>
public sealed class FullDiskTests
{
    private const int Mebibytes = 420;
    private const int Rounds = 20;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disk_that_others_fill_and_free_again_and_again_loses_nothing_and_takes_no_restart()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var server = Server.NotStarted(Product.Granary);
        using var disk = SmallDisk.Over(server.Home, Mebibytes);
        await server.StartAgain(Stop);
        var process = server.ProcessId;
        var run = new FullDiskRun(server, random.Next(), Stop);
        await run.Begin();
        for (var round = 0; round < Rounds; round++)
        {
            var before = run.Puts;
            await Eventually.Holds("puts go on", () => Task.FromResult(run.Puts >= before + 20), Deadline, Stop);

            // To the last byte, or so that deletions and compactions go on.
            var leaving = round % 2 == 0 ? 0 : (80 + random.Next(20)) << 20;
            await HoldsWhileFull("a put is refused", () => IsRefused(server));
            await HoldsWhileFull("/health says so", async () => await PlainHttp.Get(server.Address + "/health", Stop) is """{"health":"false","reason":"ALARM NOSPACE"}""" + "\n");
            await HoldsWhileFull("etcdctl says so", async () => (await Tool.Etcdctl(server, Stop, "endpoint", "health")).All.Contains("NOSPACE", StringComparison.Ordinal));

            // Filled again each time, since the server gives some of its own back.
            Task HoldsWhileFull(string what, Func<Task<bool>> condition) => Eventually.Holds(
                what,
                () =>
                {
                    disk.Fill(leaving);
                    return condition();
                },
                Deadline,
                Stop);

            await new KV.KVClient(server.Channel).RangeAsync(new RangeRequest { Key = Text("leased") }, cancellationToken: Stop);
            disk.Free();
        }

        var last = run.Puts;
        await Eventually.Holds("puts go on", () => Task.FromResult(run.Puts >= last + 20), Deadline, Stop);
        await run.End();
        Assert.Equal(process, server.ProcessId);
        Assert.True(server.IsRunning);
        Assert.True(run.Snapshots > 0);
        await run.Check();
        Assert.Equal("""{"health":"true","reason":""}""", (await PlainHttp.Get(server.Address + "/health", Stop)).Trim());

        Assert.Equal(0, await server.Stop(Stop));
        await server.StartAgain(Stop);
        await run.Check();
    }

    [Fact]
    public async Task A_disk_that_the_data_fills_is_emptied_by_deleting_compacting_and_defragmenting()
    {
        await using var server = Server.NotStarted(Product.Granary);
        using var disk = SmallDisk.Over(server.Home, Mebibytes);
        await server.StartAgain(Stop);
        var kv = new KV.KVClient(server.Channel);
        var maintenance = new Maintenance.MaintenanceClient(server.Channel);
        var value = new byte[1_000_000];
        for (var round = 0; round < 4; round++)
        {
            var puts = 0;
            var refused = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                for (; puts < Mebibytes; puts++)
                {
                    Random.Shared.NextBytes(value);
                    await kv.PutAsync(new PutRequest { Key = Text($"{round}/{puts}"), Value = ByteString.CopyFrom(value) }, cancellationToken: Stop);
                }
            });
            Assert.Equal("etcdserver: mvcc: database space exceeded", refused.Status.Detail);
            Assert.True(puts > 40, $"only {puts} MB went in in round {round}");

            var deleted = await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Text($"{round}/"), RangeEnd = Text($"{round}0") }, cancellationToken: Stop);
            Assert.Equal(puts, deleted.Deleted);
            await kv.CompactAsync(new CompactionRequest { Revision = deleted.Header.Revision, Physical = true }, cancellationToken: Stop);
            await maintenance.DefragmentAsync(new DefragmentRequest(), cancellationToken: Stop);
            await Eventually.Holds("a put is taken", async () => !await IsRefused(server), Deadline, Stop);
        }
    }

    [Fact]
    public async Task A_snapshot_takes_no_room_that_writes_need()
    {
        await using var server = Server.NotStarted(Product.Granary);
        using var disk = SmallDisk.Over(server.Home, Mebibytes);
        await server.StartAgain(Stop);
        var kv = new KV.KVClient(server.Channel);
        var value = new byte[1_000_000];
        for (var i = 0; i < 60; i++)
        {
            Random.Shared.NextBytes(value);
            await kv.PutAsync(new PutRequest { Key = Text($"{i}"), Value = ByteString.CopyFrom(value) }, cancellationToken: Stop);
        }

        await new Maintenance.MaintenanceClient(server.Channel).DefragmentAsync(new DefragmentRequest(), cancellationToken: Stop);
        disk.Fill(leaving: (72 + 60 + 40) << 20);
        using var call = new Maintenance.MaintenanceClient(server.Channel).Snapshot(new SnapshotRequest(), cancellationToken: Stop);
        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (var _ in call.ResponseStream.ReadAllAsync(Stop))
            {
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Contains("room", refused.Status.Detail, StringComparison.Ordinal);
        Assert.False(await IsRefused(server));
        Assert.DoesNotContain(Directory.GetFiles(server.DataDirectory), file => file.Contains("spool", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_restore_and_an_import_that_find_no_room_say_so_in_one_line_and_leave_nothing_behind()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var value = new byte[1_000_000];
        for (var i = 0; i < 60; i++)
        {
            Random.Shared.NextBytes(value);
            await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = Text($"{i}"), Value = ByteString.CopyFrom(value) }, cancellationToken: Stop);
        }

        var snapshot = Path.Combine(server.Home, "snapshot.db");
        Assert.Equal(0, (await Tool.Etcdctl(server, Stop, "snapshot", "save", snapshot)).ExitCode);
        var home = Directory.CreateDirectory(Path.Combine(server.Home, "small")).FullName;
        using var disk = SmallDisk.Over(home, 40);
        foreach (var arguments in new[] { new[] { "snapshot", "restore", snapshot }, ["import", "--from", server.Address] })
        {
            var ended = await Tool.Granary(Stop, [.. arguments, "--data-dir", Path.Combine(home, "data")]);
            Assert.Equal(1, ended.ExitCode);
            var line = ended.Error.TrimEnd().Split('\n')[^1];
            Assert.StartsWith("granary: ", line, StringComparison.Ordinal);
            Assert.Contains("No space left on device", line, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFileSystemEntries(home));
        }
    }

    private static async Task<bool> IsRefused(Server server)
    {
        try
        {
            await new KV.KVClient(server.Channel).PutAsync(
                new PutRequest { Key = Text("probe"), Value = Text("x") }, deadline: DateTime.UtcNow.AddSeconds(20), cancellationToken: Stop);
            return false;
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded)
        {
            return true;
        }
    }

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);
}
