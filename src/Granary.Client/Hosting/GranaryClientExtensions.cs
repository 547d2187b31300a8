using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Granary.Client;

/// <summary>A client in an application's services, and in its health.</summary>
public static class GranaryClientExtensions
{
    /// <summary>Has the services give an <see cref="IGranaryClient"/>, one for all.</summary>
    public static IServiceCollection AddGranaryClient(this IServiceCollection services, Action<GranaryClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.Configure(configure);
        services.TryAddSingleton<IGranaryClient>(static provider => new GranaryClient(provider.GetRequiredService<IOptions<GranaryClientOptions>>().Value));
        return services;
    }

    /// <summary>The application counts as healthy while the store answers a read that has to be up to date.</summary>
    public static IHealthChecksBuilder AddGranary(this IHealthChecksBuilder builder, string name = "granary")
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name, static provider => new GranaryHealthCheck(provider.GetRequiredService<IGranaryClient>()), failureStatus: null, tags: null));
    }
}
