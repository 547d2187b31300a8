using System.Net;

namespace Granary.Samples.Tests;

public sealed class RateLimiterTests : SampleTest
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task All_processes_together_give_so_many_permits_and_each_again_later(Product product)
    {
        const int Permits = 4;
        await using var server = await Server.Start(product, Stop);
        string[] limits = ["--permits", $"{Permits}", "--seconds", "600"];
        await using var client = new GranaryClient(server.Address);
        await using var first = Sample.Start("RateLimiter", server, limits);
        await using var second = Sample.Start("RateLimiter", server, limits);
        await first.Get("warm", Stop);
        await second.Get("warm", Stop);

        var permitted = 0;
        var refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 4 * Permits).Select(async number =>
        {
            using var answer = await (number % 2 == 0 ? first : second).Http.GetAsync(new Uri("me", UriKind.Relative), Stop);
            Interlocked.Increment(ref answer.StatusCode == HttpStatusCode.OK ? ref permitted : ref refused);
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, $"{answer.StatusCode}");
        }));
        Assert.Equal((Permits, 3 * Permits), (permitted, refused));
        Assert.StartsWith("permit ", await first.Get("another", Stop), StringComparison.Ordinal);

        // A permit is there again when its lease has ended.
        await client.RevokeLeaseAsync((await client.GetAsync("samples/permits/me/2", Stop))!.LeaseId, Stop);
        Assert.Equal("permit 2\n", await second.Get("me", Stop));
        await using var brief = Sample.Start("RateLimiter", server, "--permits", "1", "--seconds", "2");
        Assert.Equal("permit 1\n", await brief.Get("briefly", Stop));
        Assert.Equal("permit 1\n", await brief.Get("briefly", Stop));
    }
}
