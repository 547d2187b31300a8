using Granary.Testing;

[assembly: AssemblyFixture(typeof(BothServers))]

namespace Granary.Testing;

/// <summary>An etcd and a Granary, which the tests of one project share: each keeps to keys of its own.</summary>
public sealed class BothServers : IAsyncLifetime
{
    private readonly Dictionary<Product, Server> _servers = [];
    private int _number;

    public Server Of(Product product) => _servers[product];

    /// <summary>What the keys of a test begin with.</summary>
    public string NewPrefix() => $"test-{Interlocked.Increment(ref _number)}/";

    public async ValueTask InitializeAsync()
    {
        foreach (var product in Enum.GetValues<Product>())
        {
            _servers.Add(product, await Server.Start(product, CancellationToken.None));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers.Values)
        {
            await server.DisposeAsync();
        }
    }
}
