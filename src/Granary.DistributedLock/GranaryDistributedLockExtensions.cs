using Granary.Client;
using Medallion.Threading;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.DistributedLock;

/// <summary>Has an application's locks in Granary or etcd.</summary>
public static class GranaryDistributedLockExtensions
{
    /// <summary>Services that ask for an <see cref="IDistributedLockProvider"/> get locks of the <see cref="IGranaryClient"/>, which <c>AddGranaryClient</c> adds.</summary>
    /// <param name="services">The services.</param>
    /// <param name="timeToLive">How long a lock outlives a process that is killed; null: <see cref="GranaryCoordination.DefaultTimeToLive"/>.</param>
    public static IServiceCollection AddGranaryDistributedLocks(this IServiceCollection services, TimeSpan? timeToLive = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddSingleton<IDistributedLockProvider>(services =>
            new GranaryDistributedSynchronizationProvider(services.GetRequiredService<IGranaryClient>(), timeToLive));
    }
}
