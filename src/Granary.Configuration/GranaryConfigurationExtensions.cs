using Microsoft.Extensions.Configuration;

namespace Granary.Configuration;

/// <summary>Configuration from a prefix of the store.</summary>
public static class GranaryConfigurationExtensions
{
    /// <summary>Adds the keys below a prefix as settings, which change in the application when they change in the store.</summary>
    /// <param name="builder">To what.</param>
    /// <param name="prefix">What the keys begin with, such as <c>config/</c>.</param>
    /// <param name="configure">Says where the servers are, at least.</param>
    public static IConfigurationBuilder AddGranary(this IConfigurationBuilder builder, string prefix, Action<GranaryConfigurationSource> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(configure);
        var source = new GranaryConfigurationSource { Prefix = prefix };
        configure(source);
        return builder.Add(source);
    }

    /// <summary>Adds the keys below a prefix as settings, which change in the application when they change in the store.</summary>
    /// <param name="builder">To what.</param>
    /// <param name="prefix">What the keys begin with, such as <c>config/</c>.</param>
    /// <param name="endpoints">The servers' addresses, such as <c>http://localhost:2379</c>.</param>
    public static IConfigurationBuilder AddGranary(this IConfigurationBuilder builder, string prefix, params string[] endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return builder.AddGranary(prefix, source =>
        {
            foreach (var endpoint in endpoints)
            {
                source.Client.Endpoints.Add(endpoint);
            }
        });
    }
}
