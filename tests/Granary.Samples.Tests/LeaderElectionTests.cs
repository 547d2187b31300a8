namespace Granary.Samples.Tests;

public sealed class LeaderElectionTests : SampleTest
{
    private const string Leading = "leads, fenced by revision ";

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task One_leads_and_another_one_after_it_was_stopped_or_killed(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        await using var first = Sample.Start("LeaderElection", server);
        await Leads(first);
        await using var second = Sample.Start("LeaderElection", server);
        await WaitsBehind(first, second);
        await first.Stop(Stop);
        await Leads(second);
        await using var third = Sample.Start("LeaderElection", server);
        await WaitsBehind(second, third);
        await second.Kill(Stop);
        await Leads(third);
        await third.Stop(Stop);
        Assert.Equal([1, 1, 1], new[] { first, second, third }.Select(static one => Revisions(one).Distinct().Count()));
        Assert.True(Revisions(first)[0] < Revisions(second)[0] && Revisions(second)[0] < Revisions(third)[0]);

        // It is a candidate, and the one before goes on.
        async Task WaitsBehind(Sample leader, Sample candidate)
        {
            await Eventually.Holds("there are two", async () => (await client.RangeAsync(KeyRange.Prefix("samples/leader/"), cancellationToken: Stop)).Count == 2, Generous, Stop);
            var before = Revisions(leader).Count;
            await Eventually.Holds("the first goes on", () => Task.FromResult(Revisions(leader).Count > before + 1), Generous, Stop);
            Assert.Empty(Revisions(candidate));
        }
    }

    private static Task Leads(Sample sample) => Eventually.Holds("it leads", () => Task.FromResult(Revisions(sample).Count > 0), Generous, Stop);

    // By which it says that it is fenced, each time that it says that it leads.
    private static List<long> Revisions(Sample sample) =>
        [.. sample.Lines.Where(static line => line.Contains(Leading, StringComparison.Ordinal)).Select(static line => long.Parse(line.Split(Leading)[1]))];
}
