namespace Granary.Samples.Tests;

public sealed class LeaderElectionTests : SampleTest
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task One_leads_and_another_one_after_it_was_stopped_or_killed(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var first = Sample.Start("LeaderElection", server);
        await Leads(first);
        await using var second = Sample.Start("LeaderElection", server);
        await Waits(second);
        Assert.DoesNotContain(second.Lines, IsLeading);

        await first.Stop(Stop);
        await Leads(second);
        await using var third = Sample.Start("LeaderElection", server);
        await Waits(third);
        Assert.DoesNotContain(third.Lines, IsLeading);
        await second.Kill(Stop);
        await Leads(third);
        await third.Stop(Stop);
    }

    private static bool IsLeading(string line) => line.Contains("leads, fenced by revision", StringComparison.Ordinal);

    private static Task Leads(Sample sample) => Eventually.Holds("it leads", () => Task.FromResult(sample.Lines.Any(IsLeading)), Generous, Stop);

    private static Task Waits(Sample sample) =>
        Eventually.Holds("it waits", () => Task.FromResult(sample.Lines.Any(static line => line.EndsWith(" waits", StringComparison.Ordinal))), Generous, Stop);
}
