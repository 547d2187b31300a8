using System.Globalization;
using Granary.Nemesis.Tests.Faults;
using Granary.Nemesis.Tests.Histories;

namespace Granary.Nemesis.Tests;

/// <summary>Random faults befall processes that share a log while clients are at work: every promise of the API is kept to those.</summary>
public sealed class NemesisTests
{
    private const int Processes = 3;
    private const int DiskMebibytes = 512;

    // So small that records are cut from the log all the time, and whoever was wiped begins from a base snapshot.
    private const string SnapshotBytes = "--postgres-snapshot-bytes=50000";

    // Calls that are answered between two faults, at least.
    private const int CallsBetween = 500;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static TimeSpan Duration => TimeSpan.FromSeconds(
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_NEMESIS_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : 600);

    private static int Seed =>
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_NEMESIS_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : Random.Shared.Next();

    [Fact]
    public async Task No_promise_is_broken_by_faults_of_processes_wires_disks_and_the_database()
    {
        var seed = Seed;
        var said = TestContext.Current.TestOutputHelper!;
        said.WriteLine($"GRANARY_NEMESIS_SEED={seed}");
        await using var group = await PostgresGroup.Start(Processes, hasWires: true, DiskMebibytes, Stop, SnapshotBytes);
        using var workload = new Workload(group.Servers, seed);
        var nemesis = new FaultInjector(group, workload.Logins, new Random(seed));
        using var ending = new CancellationTokenSource();
        var working = workload.Run(ending.Token);
        var deadline = DateTime.UtcNow + Duration;
        try
        {
            while (DateTime.UtcNow < deadline)
            {
                await MustGoOn();
                await nemesis.Strike(Stop);
            }

            await MustGoOn();
        }
        finally
        {
            await ending.CancelAsync();
            await working;
        }

        var history = await working;
        var permits = history.Calls.Count(static call => call is { Operation: Operation.Permit, Answer: not null });
        var refused = history.Calls.Count(static call => call is { Operation.RestrictedUser: not null, Answer.HasSucceeded: false });
        said.WriteLine(
            $"{history.Calls.Count} calls, {workload.Answered} answered, {history.Log.Count} events; rights given or taken: {permits}, refused for want of one: {refused}; faults: {nemesis.Counts}");
        var violations = HistoryChecker.Violations(history);
        Assert.True(
            violations.Count == 0,
            $"seed {seed}, {violations.Count} violations:\n{string.Join('\n', violations.Take(20))}\n{string.Join('\n', group.Servers.Select(static server => $"== {server.Endpoint}\n{server.Log}"))}");

        // Whatever has happened, it serves again.
        async Task MustGoOn()
        {
            var before = workload.Answered;
            await Eventually.Holds("calls are answered again", () => Task.FromResult(working.IsCompleted || workload.Answered > before + CallsBetween), Generous, Stop);
            if (working.IsCompleted)
            {
                await working;
            }
        }
    }
}
