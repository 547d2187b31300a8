using System.Diagnostics;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>A database that is away, slow to answer or cut off: what was acknowledged stays, nothing is written twice, and nothing stale is told.</summary>
public sealed class PostgresTroubleTests : PostgresTest
{
    private const int Cuts = 20;

    // Nobody takes over meanwhile.
    private static readonly string[] Patient = ["--election-timeout=50000"];

    [Fact]
    public async Task A_database_that_is_killed_and_started_again_loses_nothing_and_needs_no_restart_of_ours()
    {
        // Long enough for a busy machine to say that it is there again.
        const string flag = "--election-timeout=4000";
        var server = await Leader(flag);
        await Follower(flag);
        var before = await Put(server, "a", "1");
        await Database.Kill(Stop);
        var waiting = Put(server, "a", "2");
        var start = Stopwatch.GetTimestamp();
        var late = await Assert.ThrowsAsync<RpcException>(() => Put(server, "b", "1"));
        Assert.Equal((StatusCode.Unavailable, "etcdserver: request timed out"), (late.StatusCode, late.Status.Detail));
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromSeconds(6), Generous);
        await Assert.ThrowsAsync<RpcException>(() => waiting);

        // What needs no leader is answered still, what does is not.
        Assert.Equal("1", (await Get(server, "a", isSerializable: true))!.Value.ToStringUtf8());
        Assert.Equal("etcdserver: request timed out", (await Assert.ThrowsAsync<RpcException>(() => Get(server, "a"))).Status.Detail);

        await Database.StartAgain(Stop);
        await Leads(server);

        // It was on its way, as the other may have been before it: it is written once, or not at all.
        var found = (await Get(server, "a"))!;
        Assert.True((found.Value.ToStringUtf8(), found.ModRevision - before) is ("1", 0) or ("2", 1 or 2), $"{found}");
        var after = await Put(server, "c", "1");
        Assert.InRange(after, before + 1, before + 3);

        // Nobody took over, though nobody heard of the leader for longer than its lease time.
        Assert.True(server.IsRunning);
        Assert.Equal(1L, await Database.Execute("SELECT term FROM granary.leadership", Stop));
    }

    [Fact]
    public async Task A_write_whose_answer_is_cut_off_is_written_once()
    {
        await using var wire = TcpProxy.To(Database.Port);

        // So seldom that it is the answer to the append that is cut off.
        var server = await Leader(wire.Port, [.. Patient, "--heartbeat-interval=10000"]);
        for (var i = 0; i < Cuts; i++)
        {
            wire.Set(TcpProxy.Wire.CutAtAnswer);
            var cuts = wire.AnswersCut;
            var write = Put(server, $"k{i}", "v");
            await Eventually.Holds("an answer was cut off", () => Task.FromResult(wire.AnswersCut > cuts), Generous, Stop);
            wire.Set(TcpProxy.Wire.Whole);
            Assert.Equal(i + 2, await write);
            Assert.Equal(1, (await Get(server, $"k{i}"))!.Version);
        }

        Assert.Equal(await Database.Execute("SELECT last_index FROM granary.leadership", Stop), await Database.Execute("SELECT count(*) FROM granary.log", Stop));
    }

    [Theory]
    [InlineData(TcpProxy.Wire.Silent)]
    [InlineData(TcpProxy.Wire.Cut)]
    public async Task A_leader_that_is_cut_off_from_the_database_gives_way(TcpProxy.Wire how)
    {
        await using var wire = TcpProxy.To(Database.Port);
        var cutOff = await Leader(wire.Port);
        var other = await Follower();
        await Put(cutOff, "a", "old");
        wire.Set(how);
        await Leads(other);
        await Put(other, "a", "new");

        // It still runs, and knows that it does not know.
        Assert.Equal("etcdserver: request timed out", (await Assert.ThrowsAsync<RpcException>(() => Get(cutOff, "a"))).Status.Detail);
        Assert.Equal("old", (await Get(cutOff, "a", isSerializable: true))!.Value.ToStringUtf8());
        wire.Set(TcpProxy.Wire.Whole);
        await Eventually.Holds("it follows the other", async () => await Has(cutOff, "new"), Generous, Stop);
        await other.Kill(Stop);
        await Leads(cutOff);
        Assert.Equal("new", (await Get(cutOff, "a"))!.Value.ToStringUtf8());

        static async Task<bool> Has(Server server, string value)
        {
            try
            {
                return (await Get(server, "a"))!.Value.ToStringUtf8() == value;
            }
            catch (RpcException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task The_database_alone_is_enough()
    {
        var first = await Leader();
        for (var i = 0; i < 100; i++)
        {
            await Put(first, $"k{i}", "v");
        }

        await first.Kill(Stop);
        var second = await Leader();
        Assert.Equal(100, (await new KV.KVClient(second.Channel).RangeAsync(
            new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("k"), RangeEnd = Google.Protobuf.ByteString.CopyFromUtf8("l"), CountOnly = true },
            cancellationToken: Stop)).Count);
        Assert.Equal(102, await Put(second, "more", "v"));
    }

    [Fact]
    public async Task Records_go_when_base_snapshots_have_them_and_whoever_is_new_or_far_behind_begins_from_one()
    {
        const string flag = "--postgres-snapshot-bytes=500000";
        var value = new string('v', 100_000);
        var leader = await Leader(flag);
        var behind = NotStarted(null, flag);
        await behind.StartAgain(Stop);
        await Put(leader, "early", "1");
        await behind.Stop(Stop);

        // It has the first records, and later needs one that is not kept any more.
        await leader.Stop(Stop);
        await behind.StartAgain(Stop);
        Assert.Equal("1", (await Get(behind, "early"))!.Value.ToStringUtf8());
        await behind.Stop(Stop);
        await leader.StartAgain(Stop);
        var lease = (await new Lease.LeaseClient(leader.Channel).LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 }, cancellationToken: Stop)).ID;
        long revision = 0;
        for (var i = 0; (long)(await Database.Execute("SELECT coalesce(min(index), 0) FROM granary.log", Stop))! < 10; i++)
        {
            revision = await Put(leader, $"k{i % 7}", $"{i}{value}");
        }

        var hash = await Hash(leader, revision);
        await leader.Stop(Stop);
        await behind.StartAgain(Stop);
        await MustHaveAll(behind);
        await behind.Stop(Stop);
        await MustHaveAll(await Leader(flag));
        Assert.True((long)(await Database.Execute("SELECT count(*) FROM granary.snapshot", Stop))! == 2);

        async Task MustHaveAll(Server server)
        {
            Assert.Equal(hash, await Hash(server, revision));
            Assert.Equal("1", (await Get(server, "early"))!.Value.ToStringUtf8());
            Assert.Equal([lease], (await new Lease.LeaseClient(server.Channel).LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: Stop)).Leases.Select(static status => status.ID));
        }

        static async Task<uint> Hash(Server server, long revision) =>
            (await new Maintenance.MaintenanceClient(server.Channel).HashKVAsync(new HashKVRequest { Revision = revision }, cancellationToken: Stop)).Hash;
    }

    [Fact]
    public async Task Who_follows_makes_the_base_snapshots_and_who_leads_has_no_work_with_them()
    {
        const string flag = "--postgres-snapshot-bytes=500000";
        const string made = "Made a base snapshot";
        var leader = await Leader(flag);
        var follower = await Follower(flag);
        var value = new string('v', 100_000);
        for (var i = 0; (long)(await Database.Execute("SELECT count(*) FROM granary.snapshot", Stop))! == 0; i++)
        {
            await Put(leader, $"k{i % 7}", $"{i}{value}");
        }

        await Eventually.Holds("the follower says so", () => Task.FromResult(follower.Log.Contains(made, StringComparison.Ordinal)), Generous, Stop);
        Assert.DoesNotContain(made, leader.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_stores_in_one_database_know_nothing_of_each_other()
    {
        var one = await Leader();
        var two = await Leader("--postgres-schema=two");
        Assert.Equal(2, await Put(one, "a", "1"));
        Assert.Equal(2, await Put(two, "a", "2"));
        Assert.Equal("1", (await Get(one, "a"))!.Value.ToStringUtf8());
        await one.Stop(Stop);

        // The replica of one is not that of the other.
        await two.Stop(Stop);
        var mixed = NotStarted(null, "--postgres-schema=two");
        Directory.Move(one.DataDirectory, mixed.DataDirectory);
        var refusal = await mixed.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("is another one", refusal.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_no_standby_has_is_not_acknowledged()
    {
        var server = await Leader();
        await Put(server, "a", "1");
        await Database.Execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", Stop);
        await Database.Execute("SELECT pg_reload_conf()", Stop);

        // PostgreSQL commits what is cancelled while it waits for a standby, and says that all is well.
        Assert.Equal("etcdserver: request timed out", (await Assert.ThrowsAsync<RpcException>(() => Put(server, "a", "2"))).Status.Detail);
        Assert.Equal("etcdserver: request timed out", (await Assert.ThrowsAsync<RpcException>(() => Get(server, "a"))).Status.Detail);
        await Database.Execute("ALTER SYSTEM RESET synchronous_standby_names", Stop);
        await Database.Execute("SELECT pg_reload_conf()", Stop);
        await Leads(server);
        Assert.Equal((3L, "2"), ((await Get(server, "a"))!.ModRevision, (await Get(server, "a"))!.Value.ToStringUtf8()));
        Assert.Equal(4, await Put(server, "a", "3"));
    }

    [Fact]
    public async Task What_a_restore_has_made_is_not_taken_for_a_copy()
    {
        var embedded = await Server.Start(Product.Granary, Stop);
        await using var one = embedded;
        await Put(embedded, "a", "1");
        var snapshot = Path.Combine(embedded.Home, "snapshot.db");
        Assert.Equal(0, (await Tool.Etcdctl(embedded, Stop, "snapshot", "save", snapshot)).ExitCode);
        var server = NotStarted(null);
        Assert.Equal(0, (await Tool.Granary(Stop, "snapshot", "restore", snapshot, "--data-dir", server.DataDirectory)).ExitCode);
        var refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("is in no log", refusal.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_has_lost_records_is_not_followed_also_when_it_has_gone_on()
    {
        var server = await Leader();
        await Put(server, "a", "1");
        await Put(server, "a", "2");
        await server.Stop(Stop);
        await Database.Execute(
            "DELETE FROM granary.log WHERE index > 2; UPDATE granary.leadership SET last_index = 2, term = 1", Stop);
        var refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("the database has lost records", refusal.Said, StringComparison.Ordinal);

        var other = await Leader();
        for (var i = 0; i < 5; i++)
        {
            await Put(other, "a", "other");
        }

        await other.Stop(Stop);
        refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("is another one than this data directory has", refusal.Said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("synchronous_commit = off", "Options=-c synchronous_commit=off")]
    [InlineData("the connection string cannot be used", "Nonsense=1")]
    [InlineData("does not exist", "Database=nowhere")]
    [InlineData("no name for a schema", "", "--postgres-schema=a;b")]
    [InlineData("at least as 5 times", "", "--election-timeout=400")]
    public async Task What_cannot_hold_a_log_is_refused(string said, string more, params string[] flags)
    {
        var server = Server.NotStarted(Product.Granary, ["--engine=postgres", $"--postgres={Database.ConnectionString()};{more}", .. flags]);
        await using (server)
        {
            var refusal = await server.StartExpectingRefusal(Stop);
            Assert.Equal(1, refusal.ExitCode);
            Assert.Contains(said, refusal.Said, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Who_allows_loss_gets_it()
    {
        var server = Server.NotStarted(
            Product.Granary, "--engine=postgres", $"--postgres={Database.ConnectionString()};Options=-c synchronous_commit=off", "--postgres-allow-loss");
        await using (server)
        {
            await server.StartAgain(Stop);
            Assert.Equal(2, await Put(server, "a", "1"));
        }
    }
}
