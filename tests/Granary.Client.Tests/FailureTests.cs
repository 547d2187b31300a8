using System.Net;
using System.Net.Sockets;
using Grpc.Core;

namespace Granary.Client.Tests;

/// <summary>What a client does when servers are away: it asks another one, and does no write twice.</summary>
public sealed class FailureTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_server_that_is_not_there_is_passed_over(Product product)
    {
        await using var client = new GranaryClient($"http://127.0.0.1:{LoopbackPorts.Take()}", Of(product).Address, $"http://127.0.0.1:{LoopbackPorts.Take()}");
        for (var i = 0; i < 10; i++)
        {
            await client.PutAsync($"{Prefix}{i}", "value", cancellationToken: Stop);
            Assert.NotNull(await client.GetAsync($"{Prefix}{i}", Stop));
        }
    }

    [Fact]
    public async Task Without_any_server_a_call_ends_in_time_and_says_that_nothing_was_done()
    {
        var options = new GranaryClientOptions { CallTimeout = TimeSpan.FromSeconds(5) };
        options.Endpoints.Add($"http://127.0.0.1:{LoopbackPorts.Take()}");
        await using var client = new GranaryClient(options);
        var failed = await Assert.ThrowsAsync<GranaryException>(() => client.PutAsync("a", "b", cancellationToken: Stop));
        Assert.Equal((StatusCode.Unavailable, false), (failed.StatusCode, failed.MayHaveHappened));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_server_that_takes_no_connection_is_left_for_another_one(Product product)
    {
        // Nobody accepts, and the queue is full: another connection waits for ever.
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        deaf.Listen(1);
        List<Socket> queue = [];
        try
        {
            for (var i = 0; i < 4; i++)
            {
                queue.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                _ = queue[i].ConnectAsync(deaf.LocalEndPoint!, Stop).AsTask().ContinueWith(static _ => { }, TaskScheduler.Default);
            }

            var options = new GranaryClientOptions { ConnectTimeout = TimeSpan.FromSeconds(1) };
            options.Endpoints.Add($"http://{deaf.LocalEndPoint}");
            options.Endpoints.Add(Of(product).Address);
            await using var client = new GranaryClient(options);
            for (var i = 0; i < 6; i++)
            {
                await client.PutAsync(Prefix, "value", cancellationToken: Stop);
            }
        }
        finally
        {
            queue.ForEach(static socket => socket.Dispose());
        }
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_server_that_says_nothing_is_left_for_another_one(Product product)
    {
        await using var proxy = TcpProxy.To(new Uri(Of(product).Address).Port);
        var options = new GranaryClientOptions { CallTimeout = TimeSpan.FromSeconds(8) };
        options.Endpoints.Add($"http://127.0.0.1:{proxy.Port}");
        options.Endpoints.Add(Of(product).Address);
        await using var client = new GranaryClient(options);
        await client.PutAsync(Prefix, "value", cancellationToken: Stop);
        await client.PutAsync(Prefix, "value", cancellationToken: Stop);
        proxy.Set(TcpProxy.Wire.Silent);
        for (var i = 0; i < 4; i++)
        {
            Assert.NotNull(await client.GetAsync(Prefix, Stop));
        }

        proxy.Set(TcpProxy.Wire.Cut);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task No_write_is_lost_or_done_twice_while_the_server_is_killed(Product product)
    {
        const int Kills = 4;
        const int Writers = 8;
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var written = 0;
        var unknown = 0;
        var writing = Enumerable.Range(0, Writers).Select(writer => Task.Run(() => Write(writer), Stop)).ToList();
        for (var kill = 0; kill < Kills; kill++)
        {
            var before = Volatile.Read(ref written);
            await Eventually.Holds("it is written", () => Task.FromResult(Volatile.Read(ref written) > before + 50), Generous, Stop);
            await server.Kill(Stop);
            await server.StartAgain(Stop);
        }

        await ending.CancelAsync();
        var answers = (await Task.WhenAll(writing)).SelectMany(static one => one).ToDictionary();
        var versions = new Dictionary<string, long>();
        await foreach (var pair in client.EnumerateAsync(KeyRange.All, cancellationToken: Stop))
        {
            versions.Add(pair.Key.ToString(), pair.Version);
        }

        Assert.True(unknown > 0, "No call was under way when the server was killed.");
        Assert.All(versions.Values, static version => Assert.Equal(1, version));
        Assert.All(answers, one => Assert.True(one.Value is null || versions.ContainsKey(one.Key) == one.Value, $"{one.Key}: {one.Value}"));

        // True: answered. False: surely not done. Null: nobody knows.
        async Task<Dictionary<string, bool?>> Write(int writer)
        {
            Dictionary<string, bool?> answers = [];
            for (var number = 0; !ending.IsCancellationRequested; number++)
            {
                var key = $"{writer}-{number}";
                try
                {
                    await client.PutAsync(key, "value", cancellationToken: Stop);
                    answers.Add(key, true);
                    Interlocked.Increment(ref written);
                }
                catch (GranaryException exception)
                {
                    answers.Add(key, exception.MayHaveHappened ? null : false);
                    Interlocked.Increment(ref unknown);
                }
            }

            return answers;
        }
    }

    [Theory]
    [InlineData("localhost:2379", "http://HOST:PORT")]
    [InlineData("", "http://HOST:PORT")]
    public void An_address_that_is_none_is_refused(string address, string said) =>
        Assert.Contains(said, Assert.Throws<ArgumentException>(() => new GranaryClient(address)).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_addresses_there_is_no_client() => Assert.Throws<ArgumentException>(() => new GranaryClient());
}
