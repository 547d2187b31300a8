using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>A clock that somebody sets: leadership, leases and membership go by how much time passes, and not by what time it is.</summary>
public sealed class PostgresClockTests : PostgresTest
{
    private const long TtlSeconds = 120;

    private readonly string _clock = Path.Combine(Directory.CreateTempSubdirectory("granary-clock-").FullName, "clock");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_clock_that_jumps_an_hour_on_one_member_changes_nothing(bool isLeader)
    {
        var (leader, follower) = (NotStarted(null), NotStarted(null));
        var jumping = isLeader ? leader : follower;
        await Set("+0");
        jumping.Variables["LD_PRELOAD"] = await Repository.Tool("get-faketime", Stop);
        jumping.Variables["FAKETIME_TIMESTAMP_FILE"] = _clock;
        jumping.Variables["FAKETIME_CACHE_DURATION"] = "1";
        jumping.Variables["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";

        // It would mend the waits of programs of another kind, and makes those of .NET end at once.
        jumping.Variables["FAKETIME_FORCE_MONOTONIC_FIX"] = "0";
        await leader.StartAgain(Stop);
        await follower.StartAgain(Stop);
        var granted = Stopwatch.GetTimestamp();
        var lease = (await new Lease.LeaseClient(follower.Channel).LeaseGrantAsync(new LeaseGrantRequest { TTL = TtlSeconds }, cancellationToken: Stop)).ID;
        await new KV.KVClient(follower.Channel).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("leased"), Lease = lease }, cancellationToken: Stop);

        foreach (var hours in (int[])[1, -1, 0])
        {
            await Set(string.Create(CultureInfo.InvariantCulture, $"{hours * 3600:+0;-0;+0}"));
            await Eventually.Holds("its clock has jumped", async () => Math.Round((await Clock(jumping) - await Clock(isLeader ? follower : leader)).TotalHours) == hours, Generous, Stop);
            foreach (var server in (Server[])[leader, follower])
            {
                await Put(server, "a", "1");
                Assert.NotNull(await Get(server, "leased"));
                var left = (await new Lease.LeaseClient(server.Channel).LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease }, cancellationToken: Stop)).TTL;

                // A term that had ended would have given it its full time again.
                Assert.InRange(left, TtlSeconds - (long)Stopwatch.GetElapsedTime(granted).TotalSeconds - 2, TtlSeconds);
            }
        }

        Assert.Equal(1L, await Database.Execute("SELECT term FROM granary.leadership", Stop));
        Assert.True(await Database.IsLedBy(leader, Stop));
    }

    // As a whole: it is read at any moment.
    private async Task Set(string offset)
    {
        await File.WriteAllTextAsync(_clock + ".new", offset, Stop);
        File.Move(_clock + ".new", _clock, overwrite: true);
    }

    /// <summary>What time it is for a server, by what it says over HTTP.</summary>
    private static async Task<DateTimeOffset> Clock(Server server)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri($"{server.Address}/health"), Stop);
        return answer.Headers.Date!.Value;
    }
}
