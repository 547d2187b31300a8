namespace Granary.Samples.Tests;

public sealed class JobServerTests : SampleTest
{
    [Fact]
    public async Task Each_job_is_done_once_however_often_the_server_is_killed()
    {
        const int Jobs = 60;
        var directory = Directory.CreateTempSubdirectory("granary-jobs-").FullName;
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        string[] arguments = ["--data-dir", directory, "--listen-client-urls", address, "--advertise-client-urls", address, "--log-level", "warn"];
        var sample = Sample.Run("JobServer", address, arguments);
        try
        {
            await using var client = new GranaryClient(address);
            for (var i = 0; i < Jobs; i++)
            {
                await Eventually.Holds($"job {i} is taken", () => IsTaken(client, i), Generous, Stop);
                if (i % 20 == 10)
                {
                    await sample.Kill(Stop);
                    await sample.DisposeAsync();
                    sample = Sample.Run("JobServer", address, arguments);
                }
            }

            RangeResult? done = null;
            await Eventually.Holds(
                "all are done",
                async () => (done = await client.RangeAsync(KeyRange.Prefix("done/"), cancellationToken: Stop)).KeyValues.Count == Jobs,
                Generous,
                Stop);
            Assert.All(done!.KeyValues, pair => Assert.Equal((1, $"HELLO {pair.Key.ToString()[5..]}"), (pair.Version, pair.Value.ToString())));
            Assert.Empty((await client.RangeAsync(KeyRange.Prefix("jobs/"), cancellationToken: Stop)).KeyValues);
            await sample.Stop(Stop);
        }
        finally
        {
            await sample.DisposeAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Where_servers_share_a_log_another_one_does_the_jobs_of_one_that_was_killed()
    {
        await using var database = await PostgresServer.Start(Stop);
        var directory = Directory.CreateTempSubdirectory("granary-jobs-").FullName;
        var addresses = Enumerable.Range(0, 3).Select(_ => $"http://127.0.0.1:{LoopbackPorts.Take()}").ToList();
        var samples = addresses.ConvertAll(address => Sample.Run(
            "JobServer",
            address,
            "--engine=postgres",
            $"--postgres={database.ConnectionString()}",
            $"--name={new Uri(address).Port}",
            $"--data-dir={Path.Combine(directory, $"{new Uri(address).Port}")}",
            $"--listen-client-urls={address}",
            $"--advertise-client-urls={address}",
            $"--listen-peer-urls=http://127.0.0.1:{LoopbackPorts.Take()}",
            "--log-level=warn"));
        try
        {
            var options = new GranaryClientOptions();
            addresses.ForEach(options.Endpoints.Add);
            await using var client = new GranaryClient(options);
            for (var i = 0; i < 30; i++)
            {
                await Eventually.Holds($"job {i} is taken", () => IsTaken(client, i), Generous, Stop);
                await Eventually.Holds($"job {i} is done", async () => await IsDone(client, i), Generous, Stop);
                if (i is 10 or 20)
                {
                    // Which one, does not matter: it leads, or has the grain, or neither.
                    await samples[i / 10].Kill(Stop);
                }
            }

            await samples[0].Stop(Stop);
        }
        finally
        {
            foreach (var sample in samples)
            {
                await sample.DisposeAsync();
            }

            Directory.Delete(directory, recursive: true);
        }
    }

    private static Task<bool> IsDone(GranaryClient client, int number) => IsAnswered(async () => await client.GetAsync($"done/{number:00}", Stop) is not null);

    // Whose answer is lost may be taken, or even done.
    private static Task<bool> IsTaken(GranaryClient client, int number) => IsAnswered(async () =>
    {
        await client.Txn()
            .If(When.IsMissing($"jobs/{number:00}"), When.IsMissing($"done/{number:00}"))
            .Then(Op.Put($"jobs/{number:00}", $"hello {number:00}"))
            .CommitAsync(Stop);
        return true;
    });

    // A server that is killed answers nothing, and is asked again.
    private static async Task<bool> IsAnswered(Func<Task<bool>> ask)
    {
        try
        {
            return await ask();
        }
        catch (GranaryException)
        {
            return false;
        }
    }
}
