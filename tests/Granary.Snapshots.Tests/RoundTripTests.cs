using System.Text.Json;
using Grpc.Core;

namespace Granary.Snapshots.Tests;

/// <summary>A database goes from etcd to Granary and on to etcd, and is the same in all three, key by key and event by event.</summary>
public sealed class RoundTripTests : SnapshotTest
{
    private const int Keys = 100_000;

    [Fact]
    public async Task Etcd_to_granary_to_etcd_keeps_keys_history_deletes_leases_users_and_compaction()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        var compacted = await Workload.Fill(etcd, Keys, seed, Stop);
        await AddUsers(etcd);
        var last = (await All(etcd)).Header.Revision;
        var there = await Save(etcd, "there.db");

        await using var granary = await GranaryOf(there);
        await MustBeAlike(etcd, granary, compacted, compacted, compacted + 100, last - 1);

        var back = await Save(granary, "back.db");
        await MustHaveSameStatus(back);
        await using var again = await EtcdOf(back);
        await MustBeAlike(etcd, again, compacted, compacted, compacted + 100, last - 1);
        Assert.Equal(await Users(etcd), await Users(again));
        MustSucceed(await Tool.Granary(Stop, "snapshot", "restore", back, "--data-dir", PathOf("again")));
        MustSucceed(await Tool.Granary(Stop, "check", PathOf("again")));

        // All of them go on from there.
        foreach (var server in (Server[])[etcd, granary, again])
        {
            Assert.Equal(last + 1, (await Put(server, "key/0000001", "next")).Header.Revision);
        }
    }

    [Fact]
    public async Task What_was_written_to_granary_is_served_by_etcd_and_comes_back()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        await using var granary = await Server.Start(Product.Granary, Stop);
        var compacted = await Workload.Fill(granary, 2000, seed, Stop);
        var file = await Save(granary, "granary.db");
        await MustHaveSameStatus(file);
        await using var etcd = await EtcdOf(file);
        await MustBeAlike(granary, etcd, compacted, compacted, compacted + 10);
        await using var again = await GranaryOf(await Save(etcd, "etcd.db"));
        await MustBeAlike(granary, again, compacted, compacted, compacted + 10);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_store_in_which_nothing_ever_happened_goes_either_way(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        var file = await Save(server, "empty.db");
        await MustHaveSameStatus(file);
        await using var etcd = await EtcdOf(file);
        await using var granary = await GranaryOf(file);
        Assert.Equal(1, (await All(etcd)).Header.Revision);
        Assert.Equal(1, (await All(granary)).Header.Revision);
        Assert.Equal(2, (await Put(granary, "a", "1")).Header.Revision);
    }

    [Fact]
    public async Task A_store_compacted_to_its_last_revision_where_everything_was_deleted_keeps_that_revision()
    {
        await using var granary = await Server.Start(Product.Granary, Stop);
        await Put(granary, "a", "1");
        var kv = new KV.KVClient(granary.Channel);
        var deleted = await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("a") }, cancellationToken: Stop);
        await kv.CompactAsync(new CompactionRequest { Revision = deleted.Header.Revision, Physical = true }, cancellationToken: Stop);
        var file = await Save(granary, "gone.db");
        await using var etcd = await EtcdOf(file);
        await using var again = await GranaryOf(file);
        await MustBeAlike(granary, etcd, deleted.Header.Revision);
        await MustBeAlike(granary, again, deleted.Header.Revision);
    }

    [Fact]
    public async Task Alarms_go_along_and_hold_until_they_are_disarmed()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await Put(etcd, "a", "1");
        foreach (var member in (ulong[])[5, 1000])
        {
            await new Maintenance.MaintenanceClient(etcd.Channel).AlarmAsync(
                new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Nospace, MemberID = member }, cancellationToken: Stop);
        }

        var there = await Save(etcd, "there.db");
        await using var granary = await GranaryOf(there);
        Assert.Equal(await Alarms(etcd), await Alarms(granary));
        Assert.Equal("etcdserver: mvcc: database space exceeded", (await Assert.ThrowsAsync<RpcException>(() => Put(granary, "a", "2"))).Status.Detail);

        await using var again = await EtcdOf(await Save(granary, "back.db"));
        Assert.Equal(await Alarms(etcd), await Alarms(again));

        MustSucceed(await Tool.Etcdctl(granary, Stop, "alarm", "disarm"));
        await Put(granary, "a", "2");
        await granary.Kill(Stop);
        await granary.StartAgain(Stop);
        await Put(granary, "a", "3");
    }

    [Fact]
    public async Task A_database_copied_out_of_a_stopped_etcd_is_restored_when_told_that_it_has_no_hash()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await Put(etcd, "a", "1");
        await etcd.Stop(Stop);
        var database = Path.Combine(etcd.DataDirectory, "member", "snap", "db");
        var refused = await Tool.Granary(Stop, "snapshot", "restore", database, "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--skip-hash-check", refused.Error, StringComparison.Ordinal);
        await using var granary = await GranaryOf(database, "--skip-hash-check");
        Assert.Equal("1", (await All(granary)).Kvs.Single().Value.ToStringUtf8());
    }

    private static async Task AddUsers(Server etcd)
    {
        foreach (var command in (string[][])
        [
            ["user", "add", "root:secret"], ["user", "add", "reader", "--no-password"], ["role", "add", "reading"],
            ["role", "grant-permission", "reading", "read", "key/", "key0"], ["user", "grant-role", "reader", "reading"], ["user", "grant-role", "root", "root"],
        ])
        {
            MustSucceed(await Tool.Etcdctl(etcd, Stop, command));
        }
    }

    private static async Task<string> Alarms(Server server)
    {
        var run = await Tool.Etcdctl(server, Stop, "alarm", "list");
        MustSucceed(run);
        return string.Join('\n', run.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
    }

    private static async Task<string> Users(Server etcd)
    {
        var shown = "";
        foreach (var command in (string[][])[["user", "list"], ["role", "list"], ["user", "get", "reader"], ["role", "get", "reading"], ["user", "get", "root"]])
        {
            var run = await Tool.Etcdctl(etcd, Stop, command);
            MustSucceed(run);
            shown += run.Output;
        }

        Assert.Contains("reading", shown, StringComparison.Ordinal);
        return shown;
    }

    private static async Task MustHaveSameStatus(string file)
    {
        var theirs = await Tool.Etcdutl(Stop, "snapshot", "status", file, "-w", "json");
        var ours = await Tool.Granary(Stop, "snapshot", "status", file, "--json");
        MustSucceed(theirs);
        MustSucceed(ours);
        using var expected = JsonDocument.Parse(theirs.Output);
        using var actual = JsonDocument.Parse(ours.Output);
        foreach (var figure in (string[])["hash", "revision", "totalKey", "totalSize"])
        {
            Assert.Equal((figure, expected.RootElement.GetProperty(figure).GetInt64()), (figure, actual.RootElement.GetProperty(figure).GetInt64()));
        }
    }
}
