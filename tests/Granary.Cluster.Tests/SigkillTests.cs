namespace Granary.Cluster.Tests;

/// <summary>What a server keeps when it is killed at any moment, and the scenarios in which etcd once did not.</summary>
public sealed class SigkillTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static int Rounds =>
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_CRASH_ROUNDS"), out var rounds) ? rounds : 20;

    [Fact]
    public Task Every_acknowledged_write_is_there_at_its_revision_nothing_is_there_twice_and_revisions_have_no_gap() =>
        Crash(Rounds, compacting: false);

    [Fact]
    public Task Pitfall_14370_nothing_is_acknowledged_before_it_is_durable() =>

        // etcd with a single member answered before its log was flushed. Here a batch is answered after the flush that covers its record:
        // there is no other path from a request to its answer.
        Crash(3, compacting: false);

    [Fact]
    public Task Pitfall_13766_index_revision_and_data_come_back_together() =>

        // etcd persisted the applied index apart from the data. Here index, revision and data of a record are one batch of the store, and
        // the families are flushed to one point: replay begins right behind it, so no record is applied twice or left out, which
        // versions and revisions would show.
        Crash(3, compacting: false, Subject.IsGranary ? ["--initial-range-splits=key-2"] : []);

    [Fact]
    public Task Pitfalls_17780_and_18667_a_crash_during_compaction_keeps_the_revision_and_the_compacted_revision() =>

        // 17780: the current revision was derived from what a half-done compaction had left. Here it is stored on its own.
        // 18667: members that had and had not compacted yet answered a txn differently. Here what can be read depends on the logged
        // compaction alone, not on what is physically gone.
        Crash(Math.Max(5, Rounds / 4), compacting: true, SlowCompaction);

    [Fact]
    public async Task A_server_that_forgot_acknowledged_writes_is_found_out()
    {
        // The test of the tests: the data directory of an earlier round put back must not pass.
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        await using var server = await Subject.Start(Stop);
        var run = new CrashRun(server, seed, compacting: false, Stop);
        var earlier = server.DataDirectory + ".earlier";
        await run.Round(whileDown: () => Copy(server.DataDirectory, earlier));
        var found = await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => run.Round(whileDown: () =>
        {
            Directory.Delete(server.DataDirectory, recursive: true);
            Copy(earlier, server.DataDirectory);
        }));
        Assert.Contains("below an acknowledged one", found.Message, StringComparison.Ordinal);
    }

    // Etcd 3.5 has the same settings under the names it gives to what is experimental.
    private static string[] SlowCompaction => Subject.IsGranary
        ? ["--compaction-batch-limit=5", "--compaction-sleep-interval=1ms"]
        : ["--experimental-compaction-batch-limit=5", "--experimental-compaction-sleep-interval=1ms"];

    private static async Task Crash(int rounds, bool compacting, params string[] flags)
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        await using var server = await Subject.Start(Stop, flags);
        var run = new CrashRun(server, seed, compacting, Stop);
        for (var round = 0; round < rounds; round++)
        {
            await run.Round();
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (var folder in Directory.GetDirectories(from))
        {
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
        }
    }
}
