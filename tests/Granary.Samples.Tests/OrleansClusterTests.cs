using System.Net.Http.Json;

namespace Granary.Samples.Tests;

public sealed class OrleansClusterTests : SampleTest
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Counters_go_on_at_another_silo_when_theirs_is_killed(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var first = Start(server);
        await first.Get("started", Stop);
        await using var second = Start(server);
        await second.Get("started", Stop);

        // A name whose counter the first one carries. It alone has carried "started" since before there was another one.
        var (name, before) = ("", new Reading(0, ""));
        var silo = (await Read(first, "started")).Silo;
        for (var number = 0; before.Silo != silo; number++)
        {
            name = $"counter-{number}";
            before = await Post(second, name);
        }

        using (var begun = await second.Http.PostAsync(new Uri($"{name}/every/1", UriKind.Relative), null, Stop))
        {
            begun.EnsureSuccessStatusCode();
        }

        await Eventually.Holds("it counts by itself", async () => (await Read(second, name)).Count > before.Count, Generous, Stop);
        var last = await Read(second, name);
        await first.Kill(Stop);

        // Until its silo is known to be dead, calls to it fail.
        var after = last;
        await Eventually.Holds(
            "it counts by itself at the other one",
            async () =>
            {
                try
                {
                    after = await Read(second, name);
                    return after.Silo != silo && after.Count > last.Count;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            Generous,
            Stop);
        Assert.True((await Post(second, name)).Count > after.Count);
        await second.Stop(Stop);
    }

    private static Sample Start(Server server) => Sample.Start(
        "OrleansCluster", server, "--silo-port", $"{LoopbackPorts.Take()}", "--gateway-port", $"{LoopbackPorts.Take()}");

    private static async Task<Reading> Read(Sample sample, string counter) =>
        (await sample.Http.GetFromJsonAsync<Reading>(new Uri(counter, UriKind.Relative), Stop))!;

    private static async Task<Reading> Post(Sample sample, string counter)
    {
        using var answer = await sample.Http.PostAsync(new Uri(counter, UriKind.Relative), null, Stop);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Reading>(Stop))!;
    }

    private sealed record Reading(int Count, string Silo);
}
