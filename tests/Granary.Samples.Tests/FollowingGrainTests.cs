namespace Granary.Samples.Tests;

public sealed class FollowingGrainTests : SampleTest
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_grain_has_what_is_below_its_prefix_also_after_the_server_was_killed(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        await client.PutAsync("config/color", "blue", cancellationToken: Stop);
        await client.PutAsync("configuration", "another", cancellationToken: Stop);
        await using var sample = Sample.Start(
            "FollowingGrain", server, "--silo-port", $"{LoopbackPorts.Take()}", "--gateway-port", $"{LoopbackPorts.Take()}");
        Assert.Equal("""{"config/color":"blue"}""", await sample.Get("config", Stop));

        await client.PutAsync("config/size", "large", cancellationToken: Stop);
        await Has("""{"config/color":"blue","config/size":"large"}""");
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        await client.DeleteAsync("config/color", cancellationToken: Stop);
        await Has("""{"config/size":"large"}""");
        await sample.Stop(Stop);

        Task Has(string all) => Eventually.Holds($"it has {all}", async () => await sample.Get("config", Stop) == all, Generous, Stop);
    }
}
