namespace Granary.Samples.Tests;

public sealed class FeatureFlagsTests : SampleTest
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_flag_changes_without_a_restart(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        await client.PutAsync("flags/Flags/dark-mode", "true", cancellationToken: Stop);
        await using var sample = Sample.Start("FeatureFlags", server);
        Assert.Equal("true", await sample.Get("dark-mode", Stop));
        Assert.Equal("false", await sample.Get("beta", Stop));

        await client.Txn().Then(Op.Put("flags/Flags/dark-mode", "false"), Op.Put("flags/Flags/beta", "true")).CommitAsync(Stop);
        await Eventually.Holds("it has changed", async () => await sample.Get("", Stop) == """{"beta":true,"dark-mode":false}""", Generous, Stop);
        await sample.Stop(Stop);
    }
}
