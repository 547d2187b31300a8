extern alias program;

using Microsoft.Extensions.DependencyInjection;
using program::Granary.Server;

[assembly: AssemblyFixture(typeof(Granary.Client.Tests.InClusterServer))]

namespace Granary.Client.Tests;

/// <summary>A Granary in this process, which the tests share: each keeps to keys of its own.</summary>
public sealed class InClusterServer : IAsyncLifetime
{
    private GranaryHost? _host;

    public static InClusterServer? Shared { get; private set; }

    /// <summary>The client of this process; to dispose of it changes nothing.</summary>
    public GranaryClient Client => (GranaryClient)_host!.Services.GetRequiredService<IGranaryClient>();

    public async ValueTask InitializeAsync()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        _host = await GranaryHost.StartAsync(
            new Dictionary<string, string>
            {
                ["engine"] = "memory",
                ["listen-client-urls"] = address,
                ["advertise-client-urls"] = address,
                ["log-level"] = "error",
            },
            static silo => silo.AddGranaryClient());
        Shared = this;
    }

    public ValueTask DisposeAsync() => _host?.DisposeAsync() ?? default;
}
