using Granary.Client;
using Granary.Server.InCluster;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Granary.Server;

/// <summary>The client in a server's own process.</summary>
public static class InClusterClientExtensions
{
    /// <summary>
    /// Has the services of a <see cref="GranaryHost"/> give an <see cref="IGranaryClient"/> that calls the grains of the store: no connection, no bytes on a wire.
    /// All else is as with one by gRPC: checks, errors, permissions, the audit log.
    /// </summary>
    public static ISiloBuilder AddGranaryClient(this ISiloBuilder silo, Action<InClusterClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.Configure(configure ?? (static _ => { }));
        silo.Services.TryAddSingleton<InClusterMethods>();
        silo.Services.TryAddSingleton<IGranaryClient>(static services => new GranaryClient(
            new InClusterCalls(services.GetRequiredService<InClusterMethods>(), services.GetRequiredService<IOptions<InClusterClientOptions>>().Value, TimeProvider.System),
            TimeProvider.System));
        return silo;
    }
}
