using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Granary.Configuration.Tests;

/// <summary>An application's settings are those of the store, whatever becomes of its servers.</summary>
public sealed class ConfigurationTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Settings_are_the_keys_below_the_prefix_and_change_with_them(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        await client.PutAsync("config/Shop/Color", "blue", cancellationToken: Stop);
        await client.PutAsync("config/Shop:Size", "3", cancellationToken: Stop);
        await client.PutAsync("other/Shop/Color", "red", cancellationToken: Stop);
        using var configuration = Built(new ConfigurationBuilder().AddGranary("config/", server.Address));
        await using var services = new ServiceCollection().Configure<Shop>(configuration.Root.GetSection("Shop")).BuildServiceProvider();
        var shop = services.GetRequiredService<IOptionsMonitor<Shop>>();
        List<Shop> seen = [shop.CurrentValue];
        using var registration = shop.OnChange(now =>
        {
            lock (seen)
            {
                seen.Add(now);
            }
        });

        await client.Txn().Then(Op.Put("config/Shop/Color", "green"), Op.Put("config/Shop/Size", "4")).CommitAsync(Stop);
        await Eventually.Holds("it is seen", () => Task.FromResult(Seen() == 2), Generous, Stop);
        await client.PutAsync("other/Shop/Color", "black", cancellationToken: Stop);
        await client.DeleteAsync("config/Shop/Color", cancellationToken: Stop);
        await Eventually.Holds("all is seen", () => Task.FromResult(Seen() == 3), Generous, Stop);
        lock (seen)
        {
            Assert.Equal([new Shop("blue", 3), new Shop("green", 3), new Shop(null, 3)], seen);
        }

        // The other name of it is gone with its key alone.
        await client.DeleteAsync("config/Shop:Size", cancellationToken: Stop);
        await Eventually.Holds("the other key counts", () => Task.FromResult(shop.CurrentValue == new Shop(null, 4)), Generous, Stop);

        int Seen()
        {
            lock (seen)
            {
                return seen.Count;
            }
        }
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Settings_stay_while_the_server_is_away_and_catch_up_even_over_a_compaction(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var proxy = TcpProxy.To(new Uri(server.Address).Port);
        await using var client = new GranaryClient(server.Address);
        await client.PutAsync("config/a", "1", cancellationToken: Stop);
        await client.PutAsync("config/b", "1", cancellationToken: Stop);
        using var configuration = Built(new ConfigurationBuilder().AddGranary("config/", $"http://127.0.0.1:{proxy.Port}"));
        proxy.Set(TcpProxy.Wire.Cut);
        await client.DeleteAsync("config/a", cancellationToken: Stop);
        var last = await client.PutAsync("config/b", "2", cancellationToken: Stop);
        await client.CompactAsync(last.Revision, waitForRemoval: true, Stop);
        Assert.Equal(("1", "1"), (configuration.Root["a"], configuration.Root["b"]));

        proxy.Set(TcpProxy.Wire.Whole);
        await Eventually.Holds("it has caught up", () => Task.FromResult((configuration.Root["a"], configuration.Root["b"]) == (null, "2")), Generous, Stop);
        await client.PutAsync("config/b", "3", cancellationToken: Stop);
        await Eventually.Holds("it goes on", () => Task.FromResult(configuration.Root["b"] == "3"), Generous, Stop);
    }

    [Fact]
    public void Without_a_server_the_start_fails_and_says_what_to_do()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var failed = Assert.Throws<InvalidOperationException>(() => new ConfigurationBuilder()
            .AddGranary("config/", source =>
            {
                source.Client.Endpoints.Add(address);
                source.LoadTimeout = TimeSpan.FromSeconds(1);
            })
            .Build());
        Assert.Contains(address, failed.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(GranaryConfigurationSource.IsOptional), failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_is_optional_comes_when_the_server_does_and_a_handler_that_throws_stops_nothing(Product product)
    {
        await using var server = Server.NotStarted(product);
        List<Exception> errors = [];
        using var configuration = Built(new ConfigurationBuilder().AddGranary("config/", source =>
        {
            source.Client.Endpoints.Add(server.Address);
            source.Client.CallTimeout = TimeSpan.FromSeconds(1);
            source.LoadTimeout = TimeSpan.FromSeconds(1);
            source.IsOptional = true;
            source.OnError = exception =>
            {
                lock (errors)
                {
                    errors.Add(exception);
                }

                throw new InvalidOperationException("One who is told of errors.");
            };
        }));
        Assert.Null(configuration.Root["a"]);
        using var registration = configuration.Root.GetReloadToken().RegisterChangeCallback(static _ => throw new InvalidOperationException("A handler."), null);
        await Eventually.Holds("it is told of", () => Task.FromResult(Told<GranaryException>()), Generous, Stop);

        await server.StartAgain(Stop);
        await using var client = new GranaryClient(server.Address);
        await client.PutAsync("config/a", "1", cancellationToken: Stop);
        await Eventually.Holds("it is there", () => Task.FromResult(configuration.Root["a"] == "1"), Generous, Stop);
        await client.PutAsync("config/a", "2", cancellationToken: Stop);
        await Eventually.Holds("it changes", () => Task.FromResult(configuration.Root["a"] == "2"), Generous, Stop);
        Assert.True(Told<AggregateException>());

        bool Told<T>()
        {
            lock (errors)
            {
                return errors.Any(static error => error is T);
            }
        }
    }

    private static Disposable Built(IConfigurationBuilder builder) => new(builder.Build());

    private sealed record Shop(string? Color, int Size)
    {
        public Shop()
            : this(null, 0)
        {
        }
    }

    private sealed record Disposable(IConfigurationRoot Root) : IDisposable
    {
        public void Dispose() => ((IDisposable)Root).Dispose();
    }
}
