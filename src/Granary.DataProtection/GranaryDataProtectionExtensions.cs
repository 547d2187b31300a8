using Granary.Client;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.DataProtection;

/// <summary>Has data protection keep its keys in the store.</summary>
public static class GranaryDataProtectionExtensions
{
    /// <summary>Keeps the keys below a prefix, by the services' <see cref="IGranaryClient"/>.</summary>
    /// <param name="builder">The application's data protection.</param>
    /// <param name="prefix">What their names in the store begin with: one for each application.</param>
    public static IDataProtectionBuilder PersistKeysToGranary(this IDataProtectionBuilder builder, string prefix = "data-protection/")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        builder.Services.AddOptions<KeyManagementOptions>().Configure<IGranaryClient>((options, client) => options.XmlRepository = new GranaryXmlRepository(client, prefix));
        return builder;
    }
}
