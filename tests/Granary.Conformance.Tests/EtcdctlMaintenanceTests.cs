using System.Globalization;

namespace Granary.Conformance.Tests;

/// <summary>etcdctl's and etcdutl's maintenance commands as an operator uses them, against Granary.</summary>
public sealed class EtcdctlMaintenanceTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Endpoint_status_health_and_hashkv_are_understood()
    {
        var status = await Ctl("endpoint", "status", "-w", "json");
        Assert.Contains("\"version\":\"3.6.", status.Output, StringComparison.Ordinal);
        Assert.Contains("is healthy", (await Ctl("endpoint", "health")).All, StringComparison.Ordinal);
        Assert.Contains(Pair.Subject.Endpoint, (await Ctl("endpoint", "hashkv", "-w", "simple")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await Ctl("endpoint", "status", "--cluster", "-w", "table")).ExitCode);
    }

    [Fact]
    public async Task Alarms_are_listed_and_disarmed_and_make_a_server_unhealthy()
    {
        await Calls.Ask(Pair.Subject, new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Nospace, MemberID = 3 }, Cancellation);
        Assert.Equal("memberID:3 alarm:NOSPACE \n", (await Ctl("alarm", "list")).Output);
        Assert.Equal(1, (await Ctl("endpoint", "health")).ExitCode);
        Assert.Contains("memberID:3 alarm:NOSPACE", (await Ctl("endpoint", "status", "-w", "table")).Output, StringComparison.Ordinal);
        Assert.Contains("space exceeded", (await Ctl("put", "k", "v")).All, StringComparison.Ordinal);
        Assert.Equal("memberID:3 alarm:NOSPACE \n", (await Ctl("alarm", "disarm")).Output);
        Assert.Equal(0, (await Ctl("put", "k", "v")).ExitCode);
    }

    [Fact]
    public async Task Defrag_move_leader_and_a_physical_compaction_succeed()
    {
        var revision = (await Same(Requests.Put("k", "v"))).Header.Revision;
        Assert.Equal(0, (await Ctl("compaction", "--physical", revision.ToString(CultureInfo.InvariantCulture))).ExitCode);
        Assert.Contains("Finished defragmenting", (await Ctl("defrag")).All, StringComparison.Ordinal);
        var id = (await new Maintenance.MaintenanceClient(Pair.Subject.Calls).StatusAsync(new StatusRequest(), cancellationToken: Cancellation)).Leader;
        Assert.Contains("Leadership transferred", (await Ctl("move-leader", id.ToString("x", CultureInfo.InvariantCulture))).All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_is_saved_and_known_to_etcdutl()
    {
        await Same(Requests.Put("k", "v"));
        var file = Path.Combine(Directory.CreateTempSubdirectory("granary-maintenance-").FullName, "snapshot.db");
        Assert.Equal(0, (await Ctl("snapshot", "save", file)).ExitCode);
        Assert.Equal(0, (await Tool.Etcdutl(Cancellation, "snapshot", "status", file)).ExitCode);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task Check_perf_runs_through()
    {
        // Whether this machine passes is not ours to say; the command must get its answers.
        var checkedPerf = await Ctl("check", "perf", "--load=s");
        Assert.Contains("Slowest request took", checkedPerf.All, StringComparison.Ordinal);
        Assert.DoesNotContain("FAIL: too many errors", checkedPerf.All, StringComparison.Ordinal);
        Assert.Contains("process_resident_memory_bytes", await Metrics(), StringComparison.Ordinal);
    }

    private async Task<string> Metrics()
    {
        using var http = new HttpClient();
        return Pair.Subject.Product == Product.Granary ? await http.GetStringAsync(Pair.Subject.Address + "/metrics", Cancellation) : "process_resident_memory_bytes";
    }

    private Task<Tool> Ctl(params string[] arguments) => Tool.Etcdctl(Pair.Subject, Cancellation, arguments);
}
