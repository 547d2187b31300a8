using System.Globalization;

namespace Granary.Client.Tests;

/// <summary>Who follows a range has what it holds, whatever comes between.</summary>
public sealed class FollowingTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task Each_state_is_that_of_its_revision(Way way)
    {
        const int Changes = 200;
        await using var client = To(way);
        await client.PutAsync($"{Prefix}first", "0", cancellationToken: Stop);
        await client.PutAsync($"{Prefix[..^1]}0", "beside it", cancellationToken: Stop);
        var changing = Task.Run(
            async () =>
            {
                var random = new Random(7);
                for (var i = 0; i < Changes; i++)
                {
                    var key = $"{Prefix}{random.Next(10)}";
                    var change = random.Next(3) == 0 ? Op.Delete(key) : Op.Put(key, $"{i}");
                    await client.Txn().Then(change, Op.Put($"{Prefix}count", $"{i}")).CommitAsync(Stop);
                }

                await client.PutAsync($"{Prefix}end", "", cancellationToken: Stop);
            },
            Stop);
        var states = new List<RangeState>();
        await foreach (var state in client.FollowAsync(KeyRange.Prefix(Prefix), Stop))
        {
            states.Add(state);
            if (state.Pairs.ContainsKey($"{Prefix}end"))
            {
                break;
            }
        }

        await changing;
        Assert.True(states.Count > 1);
        Assert.Equal(states.Select(static state => state.Revision).Order().Distinct(), states.Select(static state => state.Revision));
        foreach (var state in states)
        {
            var held = await client.RangeAsync(KeyRange.Prefix(Prefix), new RangeOptions { Revision = state.Revision }, Stop);
            Assert.Equal(held.KeyValues, state.Pairs.Values);
            Assert.Equal(held.KeyValues.Select(static pair => pair.Key), state.Pairs.Keys);
        }
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_was_compacted_while_it_was_away_is_passed_over(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var proxy = TcpProxy.To(new Uri(server.Address).Port);
        await using var near = new GranaryClient(server.Address);
        await using var far = new GranaryClient($"http://127.0.0.1:{proxy.Port}");
        await near.PutAsync("a", "0", cancellationToken: Stop);
        await near.PutAsync("b", "0", cancellationToken: Stop);
        await using var states = far.FollowAsync(KeyRange.All, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await states.MoveNextAsync());
        Assert.Equal(["a", "b"], states.Current.Pairs.Keys.Select(static key => key.ToString()));

        proxy.Set(TcpProxy.Wire.Cut);
        await near.DeleteAsync("b", cancellationToken: Stop);
        var last = 0L;
        for (var i = 1; i <= 10; i++)
        {
            last = (await near.PutAsync("a", i.ToString(CultureInfo.InvariantCulture), cancellationToken: Stop)).Revision;
        }

        await near.CompactAsync(last, waitForRemoval: true, Stop);
        proxy.Set(TcpProxy.Wire.Whole);
        Assert.True(await states.MoveNextAsync());
        Assert.Equal(last, states.Current.Revision);
        var (key, pair) = Assert.Single(states.Current.Pairs);
        Assert.Equal(("a", "10"), (key.ToString(), pair.Value.ToString()));

        await near.PutAsync("c", "0", cancellationToken: Stop);
        Assert.True(await states.MoveNextAsync());
        Assert.Equal(["a", "c"], states.Current.Pairs.Keys.Select(static key => key.ToString()));
    }
}
