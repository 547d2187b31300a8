using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>Leaders that are killed or stopped: another takes over, nothing acknowledged is lost, and nothing stale is told.</summary>
public sealed class PostgresFailoverTests : PostgresTest
{
    private const int Rounds = 4;
    private const int Writers = 8;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_leaders_are_killed()
    {
        Server[] servers = [await Leader(), await Follower()];
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var acknowledged = new ConcurrentDictionary<long, string>();
        var silences = new ConcurrentBag<TimeSpan>();
        var writers = Enumerable.Range(0, Writers).Select(writer => Write(writer)).ToList();
        for (var round = 0; round < Rounds; round++)
        {
            var (leader, standby) = (servers[round % 2], servers[(round + 1) % 2]);
            var before = acknowledged.Count;
            await Eventually.Holds("there are writes in this term", () => Task.FromResult(acknowledged.Count > before + 100), Generous, Stop);
            await leader.Kill(Stop);
            await Leads(standby);
            await leader.StartAgain(Stop);
        }

        await ending.CancelAsync();
        var last = await Task.WhenAll(writers);
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{acknowledged.Count} writes over {Rounds} SIGKILLs; longest silences {string.Join(", ", silences.OrderDescending().Take(Rounds).Select(static silence => $"{silence.TotalMilliseconds:F0} ms"))}");

        var survivor = servers[Rounds % 2];
        for (var writer = 0; writer < Writers; writer++)
        {
            // The last one may have been written though nobody heard of it.
            var kept = long.Parse((await Get(survivor, $"w{writer}"))!.Value.Span is var value ? System.Text.Encoding.UTF8.GetString(value) : "", CultureInfo.InvariantCulture);
            Assert.InRange(kept, last[writer], last[writer] + 1);
        }

        // Every revision is one write, by the history that the survivor has of it.
        foreach (var (revision, written) in acknowledged)
        {
            var (key, value) = (written.Split('=')[0], written.Split('=')[1]);
            var range = await new KV.KVClient(survivor.Channel).RangeAsync(
                new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8(key), Revision = revision }, cancellationToken: Stop);
            Assert.Equal((revision, value), (range.Kvs[0].ModRevision, range.Kvs[0].Value.ToStringUtf8()));
        }

        Assert.Equal(
            (await Database.Execute("SELECT last_index FROM granary.leadership", Stop), await Database.Execute("SELECT last_index FROM granary.leadership", Stop)),
            (await Database.Execute("SELECT count(*) FROM granary.log", Stop), await Database.Execute("SELECT max(index) FROM granary.log", Stop)));

        // Writes one number after the other until each is acknowledged, to whoever takes it.
        async Task<long> Write(int writer)
        {
            long number = 0;
            var target = 0;
            var heard = Stopwatch.GetTimestamp();
            while (!ending.IsCancellationRequested)
            {
                try
                {
                    var revision = await Put(servers[target % 2], $"w{writer}", (number + 1).ToString(CultureInfo.InvariantCulture), TimeSpan.FromSeconds(2));
                    number++;
                    Assert.True(acknowledged.TryAdd(revision, $"w{writer}={number}"), $"revision {revision} was given twice");
                    silences.Add(Stopwatch.GetElapsedTime(heard));
                    heard = Stopwatch.GetTimestamp();
                }
                catch (Exception exception) when (exception is RpcException or ObjectDisposedException)
                {
                    // A breath, so that others get to run.
                    target++;
                    await Task.Delay(TimeSpan.FromMilliseconds(20), Stop);
                }
            }

            return number;
        }
    }

    [Fact]
    public async Task Every_server_serves_and_watches_on_a_survivor_go_on_without_a_gap_when_the_leader_is_killed()
    {
        var leader = await Leader();
        var follower = await Follower();
        Assert.Equal(2, await Put(follower, "a", "1"));
        Assert.Equal("1", (await Get(follower, "a", isSerializable: true))!.Value.ToStringUtf8());
        Assert.Equal("1", (await Get(leader, "a"))!.Value.ToStringUtf8());
        Assert.Contains("true", await PlainHttp.Get(follower.Address + "/health", Stop), StringComparison.Ordinal);
        using var watch = new Watch.WatchClient(follower.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("a") } }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        await Put(leader, "a", "2");
        Assert.Equal("2", (await Get(follower, "a"))!.Value.ToStringUtf8());
        await leader.Kill(Stop);
        Assert.Equal(4, await PutUntilTaken(follower, "a", "3"));
        await Leads(follower);
        Assert.Equal(5, await Put(follower, "a", "4"));
        for (var revision = 3; revision <= 5; revision++)
        {
            Assert.True(await watch.ResponseStream.MoveNext(Stop));
            Assert.Equal(revision, Assert.Single(watch.ResponseStream.Current.Events).Kv.ModRevision);
        }

        // A call that was under way to the leader ends with an error, and was not made.
        static async Task<long> PutUntilTaken(Server server, string key, string value)
        {
            while (true)
            {
                try
                {
                    return await Put(server, key, value);
                }
                catch (RpcException exception) when (exception.StatusCode == StatusCode.Unavailable)
                {
                    Assert.NotEqual(value, (await Get(server, key))!.Value.ToStringUtf8());
                }
            }
        }
    }

    [Fact]
    public async Task A_watch_that_begins_while_others_are_dead_and_not_missed_yet_has_the_stream_of_its_own_server()
    {
        var (first, second, survivor) = (await Leader(), await Follower(), await Follower());
        await Put(survivor, "a", "0");
        await first.Kill(Stop);
        await second.Kill(Stop);
        using var watch = new Watch.WatchClient(survivor.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("a") } }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        await Leads(survivor);
        for (var i = 0; i < 20; i++)
        {
            var revision = await Put(survivor, "a", $"{i}");
            Assert.True(await watch.ResponseStream.MoveNext(Stop));
            Assert.Equal(revision, watch.ResponseStream.Current.Events.Single().Kv.ModRevision);
        }

        // What the stream does not bring comes from history, later, and with a complaint.
        Assert.DoesNotContain("The stream of commits", survivor.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leadership_moves_to_the_member_that_is_named_and_no_call_is_lost()
    {
        var first = await Leader();
        Server[] servers = [first, await Follower(), await Follower()];
        var members = (await new Protos.Cluster.ClusterClient(first.Channel).MemberListAsync(new MemberListRequest { Linearizable = true }, cancellationToken: Stop)).Members;
        Assert.Equal(servers.Select(static server => server.MemberName).Order(), members.Select(static member => member.Name).Order());
        ulong IdOf(Server server) => members.Single(member => member.Name == server.MemberName).ID;
        var maintenance = new Maintenance.MaintenanceClient(first.Channel);
        Assert.Equal(
            "etcdserver: not leader",
            (await Assert.ThrowsAsync<RpcException>(async () => await new Maintenance.MaintenanceClient(servers[1].Channel).MoveLeaderAsync(
                new MoveLeaderRequest { TargetID = IdOf(first) }, cancellationToken: Stop))).Status.Detail);
        Assert.Equal(
            "etcdserver: bad leader transferee",
            (await Assert.ThrowsAsync<RpcException>(async () => await maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = 1 }, cancellationToken: Stop))).Status.Detail);
        await maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = IdOf(servers[2]) }, cancellationToken: Stop);
        Assert.True(await Database.IsLedBy(servers[2], Stop));
        foreach (var server in servers)
        {
            await Put(server, "a", server.MemberName);
            var status = await new Maintenance.MaintenanceClient(server.Channel).StatusAsync(new StatusRequest(), cancellationToken: Stop);
            Assert.Equal((IdOf(servers[2]), IdOf(server)), (status.Leader, status.Header.MemberId));
        }

        Assert.Equal(servers[2].MemberName, (await Get(first, "a"))!.Value.ToStringUtf8());

        // One table tells of all.
        await servers[1].Stop(Stop);
        var told = await Tool.Granary(Stop, "status", "--endpoint", first.Address);
        Assert.Equal(0, told.ExitCode);
        string LineOf(Server server) => told.All.Split('\n').Single(line => line.Contains(server.MemberName, StringComparison.Ordinal));
        Assert.Contains("follows", LineOf(first), StringComparison.Ordinal);
        Assert.Contains("does not answer", LineOf(servers[1]), StringComparison.Ordinal);
        Assert.Contains("leads", LineOf(servers[2]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Servers_are_restarted_one_after_the_other_and_no_call_fails_that_is_tried_again()
    {
        Server[] servers = [await Leader(), await Follower(), await Follower()];
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var written = 0;
        var writers = Enumerable.Range(0, 4).Select(Write).ToList();
        foreach (var server in servers)
        {
            var before = Volatile.Read(ref written);
            await Eventually.Holds("there are writes", () => Task.FromResult(Volatile.Read(ref written) > before + 50), Generous, Stop);
            Assert.Equal(0, await server.Stop(Stop));
            await server.StartAgain(Stop);
        }

        await ending.CancelAsync();
        var last = await Task.WhenAll(writers);
        for (var writer = 0; writer < last.Length; writer++)
        {
            Assert.Equal(last[writer].ToString(CultureInfo.InvariantCulture), (await Get(servers[writer % servers.Length], $"w{writer}"))!.Value.ToStringUtf8());
        }

        // Each number until it is acknowledged, by any server; anything but "come again" fails the test.
        async Task<int> Write(int writer)
        {
            var number = 0;
            using var server = new RovingChannel(servers, writer);
            while (!ending.IsCancellationRequested)
            {
                number++;
                for (var isDone = false; !isDone;)
                {
                    try
                    {
                        await Put(server.Channel, $"w{writer}", number.ToString(CultureInfo.InvariantCulture));
                        isDone = true;
                        Interlocked.Increment(ref written);
                    }
                    catch (RpcException exception) when (exception.StatusCode == StatusCode.Unavailable)
                    {
                        server.MoveOn();
                        await Task.Delay(TimeSpan.FromMilliseconds(20), Stop);
                    }
                }
            }

            return number;
        }
    }

    [Fact]
    public async Task A_member_that_is_removed_leads_no_more_and_ends()
    {
        var first = await Leader();
        var second = await Follower();
        var cluster = new Protos.Cluster.ClusterClient(second.Channel);
        var members = (await cluster.MemberListAsync(new MemberListRequest(), cancellationToken: Stop)).Members;
        var removed = members.Single(member => member.Name == first.MemberName);
        var left = (await cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = removed.ID }, cancellationToken: Stop)).Members;
        Assert.Equal(second.MemberName, Assert.Single(left).Name);
        Assert.Equal(CannotWrite, await first.Ended("it was removed", Stop));
        await Leads(second);
        await first.StartAgain(Stop);
        Assert.NotEqual(removed.ID, (await cluster.MemberListAsync(new MemberListRequest(), cancellationToken: Stop)).Members.Single(member => member.Name == first.MemberName).ID);
        Assert.Equal(2, await Put(first, "a", "1"));
    }

    [Fact]
    public async Task A_leader_that_was_stopped_tells_nothing_stale_and_follows()
    {
        var stopped = await Leader();
        var other = await Follower();
        await Put(stopped, "a", "old");
        Signals.Send(stopped.ProcessId, Signals.StandStill);

        // They wait in the stopped process, and are read when it goes on.
        var early = Enumerable.Range(0, 20).Select(_ => Ask(stopped)).ToList();
        await Leads(other);
        await Put(other, "a", "new");
        var late = Enumerable.Range(0, 20).Select(_ => Ask(stopped)).ToList();
        Signals.Send(stopped.ProcessId, Signals.Continue);

        Assert.All(await Task.WhenAll(early), static value => Assert.True(value is null or "old" or "new", value));
        Assert.All(await Task.WhenAll(late), static value => Assert.True(value is null or "new", value));
        Assert.Equal("new", (await Get(other, "a"))!.Value.ToStringUtf8());
        await Eventually.Holds("it follows", async () => await Ask(stopped) == "new", Generous, Stop);

        static async Task<string?> Ask(Server server)
        {
            try
            {
                return (await Get(server, "a"))!.Value.ToStringUtf8();
            }
            catch (RpcException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task A_leader_that_is_stopped_in_order_hands_over_at_once()
    {
        // Far longer than the test's patience: nobody waits for it.
        string[] flags = ["--election-timeout=50000", "--heartbeat-interval=100"];
        var first = await Leader(flags);
        var second = await Follower(flags);
        await Put(first, "a", "1");
        Assert.Equal(0, await first.Stop(Stop));
        await Leads(second);
        Assert.Equal("1", (await Get(second, "a"))!.Value.ToStringUtf8());
        Assert.Equal(3, await Put(second, "a", "2"));
    }

    [Fact]
    public async Task Leases_and_users_go_on_under_another_leader()
    {
        var first = await Leader("--bcrypt-cost=4");
        var second = await Follower("--bcrypt-cost=4");
        var lease = (await new Lease.LeaseClient(first.Channel).LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 }, cancellationToken: Stop)).ID;
        await new KV.KVClient(first.Channel).PutAsync(new PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("leased"), Lease = lease }, cancellationToken: Stop);
        await new Auth.AuthClient(first.Channel).UserAddAsync(new AuthUserAddRequest { Name = "ann", Password = "a" }, cancellationToken: Stop);
        await first.Kill(Stop);
        await Leads(second);
        var left = await new Lease.LeaseClient(second.Channel).LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease, Keys = true }, cancellationToken: Stop);
        Assert.InRange(left.TTL, 560, 600);
        Assert.Equal("leased", Assert.Single(left.Keys).ToStringUtf8());
        Assert.Equal(["ann"], (await new Auth.AuthClient(second.Channel).UserListAsync(new AuthUserListRequest(), cancellationToken: Stop)).Users);
    }
}
