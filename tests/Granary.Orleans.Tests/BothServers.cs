using Granary.Orleans.Tests;

[assembly: AssemblyFixture(typeof(BothServers))]

namespace Granary.Orleans.Tests;

/// <summary>An etcd and a Granary, which the tests share: each has a cluster of its own.</summary>
public sealed class BothServers : IAsyncLifetime
{
    private readonly Dictionary<Product, Server> _servers = [];

    public Server Of(Product product) => _servers[product];

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
