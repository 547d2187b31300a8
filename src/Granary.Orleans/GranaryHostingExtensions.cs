using Granary.Client;
using Granary.Orleans.Clustering;
using Granary.Orleans.Directories;
using Granary.Orleans.Leases;
using Granary.Orleans.Reminders;
using Granary.Orleans.Storage;
using Granary.Orleans.Streams.Implicit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.GrainDirectory;
using Orleans.Hosting;
using Orleans.LeaseProviders;
using Orleans.Messaging;
using Orleans.Providers;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Granary.Orleans;

/// <summary>
/// Has an Orleans cluster keep what it has to keep in Granary or etcd. All use the <see cref="IGranaryClient"/> of the services: <c>AddGranaryClient</c>
/// says where the servers are.
/// </summary>
public static class GranaryHostingExtensions
{
    /// <summary>Silos find each other by the store, and see at once who comes and goes.</summary>
    public static ISiloBuilder UseGranaryClustering(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IMembershipTable, GranaryMembershipTable>();
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, MembershipWatch>();
        return builder;
    }

    /// <summary>A client finds the silos by the store.</summary>
    public static IClientBuilder UseGranaryClustering(this IClientBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IGatewayListProvider, GranaryGatewayList>();
        return builder;
    }

    /// <summary>Grains keep their state in the store, unless they name another storage.</summary>
    public static ISiloBuilder AddGranaryGrainStorageAsDefault(this ISiloBuilder builder, Action<GranaryGrainStorageOptions>? configure = null) =>
        builder.AddGranaryGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configure);

    /// <summary>Grains that name this storage keep their state in the store.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="name">The storage's name.</param>
    /// <param name="configure">Says how, if not as usual.</param>
    public static ISiloBuilder AddGranaryGrainStorage(this ISiloBuilder builder, string name, Action<GranaryGrainStorageOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        builder.Services.AddOptions<GranaryGrainStorageOptions>(name)
            .Configure(configure ?? (static _ => { }))
            .Validate(static options => options.PieceBytes > 0, $"{nameof(GranaryGrainStorageOptions.PieceBytes)} must be more than 0.");
        builder.Services.ConfigureNamedOptionForLogging<GranaryGrainStorageOptions>(name);
        builder.Services.AddTransient<IPostConfigureOptions<GranaryGrainStorageOptions>, DefaultStorageProviderSerializerOptionsConfigurator<GranaryGrainStorageOptions>>();
        builder.Services.AddGrainStorage(name, static (services, name) => new GranaryGrainStorage(
            name,
            services.GetRequiredService<IOptionsMonitor<GranaryGrainStorageOptions>>().Get(name),
            services.GetRequiredService<IGranaryClient>(),
            services.GetRequiredService<IOptions<ClusterOptions>>(),
            services.GetRequiredService<IActivatorProvider>()));
        return builder;
    }

    /// <summary>Grains' reminders are kept in the store.</summary>
    public static ISiloBuilder UseGranaryReminderService(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddReminders();
        builder.Services.AddSingleton<IReminderTable, GranaryReminderTable>();
        return builder;
    }

    /// <summary>Where grains are is kept in the store, unless they name another directory.</summary>
    public static ISiloBuilder UseGranaryGrainDirectoryAsDefault(this ISiloBuilder builder) =>
        builder.AddGranaryGrainDirectory(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY);

    /// <summary>Where the grains are that name this directory is kept in the store.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="name">The directory's name.</param>
    public static ISiloBuilder AddGranaryGrainDirectory(this ISiloBuilder builder, string name)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return builder.AddGrainDirectory(name, static (services, name) => new GranaryGrainDirectory(
            name,
            services.GetRequiredService<IGranaryClient>(),
            services.GetRequiredService<IOptions<ClusterOptions>>(),
            services.GetRequiredService<ILogger<GranaryGrainDirectory>>()));
    }

    /// <summary>Silos that share something out by leases, such as streams with <c>UseLeaseBasedQueueBalancer</c> their queues, have those in the store.</summary>
    public static ISiloBuilder UseGranaryLeaseProvider(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<ILeaseProvider, GranaryLeaseProvider>();
        return builder;
    }

    /// <summary>
    /// Grains of the classes that have <see cref="ImplicitGranarySubscriptionAttribute"/> are told of their keys, from the first start of a silo with it on. Each change is
    /// told, in order, at least once, over lost servers and silos, and what has changed while no silo was there is told by the next one.
    /// </summary>
    public static ISiloBuilder AddGranaryImplicitSubscriptions(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, SubscriptionKeeper>();
        return builder;
    }
}
