using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>One of several servers has a full disk: the others go on, and so do the clients of that one where they can.</summary>
public sealed class PostgresDiskTests : PostgresTest
{
    private const int Mebibytes = 300;

    [Theory]
    [InlineData(0)]
    [InlineData(50 << 20)]
    public async Task A_leader_whose_disk_is_full_has_another_one_lead(long left)
    {
        var full = NotStarted(null);
        using var disk = SmallDisk.Over(full.Home, Mebibytes);
        await full.StartAgain(Stop);
        var other = await Follower();
        await Put(full, "a", "1");
        disk.Fill(left);
        await Leads(other);
        var revision = await Put(other, "b", "2");
        Assert.True(await Put(other, "b", "3") > revision);
        disk.Free();

        // Which may have ended, and is started as whoever looks after it would.
        if (!full.IsRunning)
        {
            await full.Kill(Stop);
            await full.StartAgain(Stop);
        }

        await Eventually.Holds("it serves as before", async () => (await Get(full, "b"))?.Value.ToStringUtf8() == "3", Generous, Stop);
        Assert.True(await Put(full, "c", "4") > revision);
        Assert.True(await Database.IsLedBy(other, Stop));
    }

    [Fact]
    public async Task What_a_server_with_a_full_disk_is_asked_to_write_goes_to_the_leader_which_has_room()
    {
        var leader = await Leader();
        var full = NotStarted(null);
        using var disk = SmallDisk.Over(full.Home, Mebibytes);
        await full.StartAgain(Stop);
        disk.Fill(leaving: 50 << 20);
        await Eventually.Holds("it has seen that", async () => (await PlainHttp.Get(full.Address + "/health", Stop)).Contains("NOSPACE", StringComparison.Ordinal), Generous, Stop);
        await Put(full, "a", "1");
        Assert.Equal("1", (await Get(leader, "a"))!.Value.ToStringUtf8());
        Assert.Equal("1", (await Get(full, "a"))!.Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_server_that_falls_behind_since_its_disk_is_full_is_not_ready_until_it_has_caught_up()
    {
        var leader = await Leader();
        var full = NotStarted(null);
        using var disk = SmallDisk.Over(full.Home, Mebibytes);
        await full.StartAgain(Stop);
        await Put(full, "a", "0");
        disk.Fill(leaving: 0);
        using var http = new HttpClient();
        var writes = 0;
        await Eventually.Holds(
            "it is not ready any more",
            async () =>
            {
                await Put(leader, "a", $"{++writes}{new string('.', 1 << 20)}");
                return writes % 50 == 0 && !await IsReady();
            },
            Generous,
            Stop);
        disk.Free();
        await Eventually.Holds("it is ready again", IsReady, Generous, Stop);
        Assert.StartsWith($"{writes}.", (await Get(full, "a"))!.Value.ToStringUtf8(), StringComparison.Ordinal);

        async Task<bool> IsReady()
        {
            using var readiness = await http.GetAsync(new Uri($"{full.Address}/readyz"), Stop);
            return readiness.IsSuccessStatusCode;
        }
    }

    [Fact]
    public async Task Where_all_disks_are_full_nobody_hands_over_and_writes_are_refused_wherever_they_come_in()
    {
        var first = NotStarted(null);
        var second = NotStarted(null);
        using var disk = SmallDisk.Over(first.Home, Mebibytes);
        using var other = SmallDisk.Over(second.Home, Mebibytes);
        await first.StartAgain(Stop);
        await second.StartAgain(Stop);
        disk.Fill(leaving: 50 << 20);
        other.Fill(leaving: 50 << 20);
        foreach (var server in (Server[])[first, second])
        {
            await Eventually.Holds("a put is refused", async () => await Refusal(server) == "etcdserver: mvcc: database space exceeded", Generous, Stop);
        }

        Assert.True(await Database.IsLedBy(first, Stop));
        disk.Free();
        foreach (var server in (Server[])[first, second])
        {
            await Eventually.Holds("puts go on", async () => await Refusal(server) is null, Generous, Stop);
        }
    }

    private static async Task<string?> Refusal(Server server)
    {
        try
        {
            await Put(server, "a", "1");
            return null;
        }
        catch (RpcException exception)
        {
            return exception.Status.Detail;
        }
    }
}
