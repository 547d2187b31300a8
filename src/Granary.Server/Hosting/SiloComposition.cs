using System.Net;
using Granary.Grains.Hosting;
using Granary.Grains.KeyRanges;
using Granary.Server.Configuration;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Hosting;

/// <summary>Composes the silo that is in the same process.</summary>
internal static class SiloComposition
{
    public static void UseGranary(this ISiloBuilder silo, ServerOptions options)
    {
        silo.AddGranaryGrains(new KeyRangeOptions
        {
            CompactionBatchLimit = options.CompactionBatchLimit,
            CompactionSleepInterval = options.CompactionSleepInterval,
            AutoCompaction = options.AutoCompaction,
            AnswerMemoryBytes = options.AnswerMemoryBytes,
        });
        silo.Services.AddSingleton<IMembershipTable, InProcessMembershipTable>();
        silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("granary", "granary"));

        // Nobody connects to a single silo: its address is but a name, at which nothing listens.
        silo.Configure<EndpointOptions>(endpoint =>
        {
            endpoint.AdvertisedIPAddress = IPAddress.Loopback;
            endpoint.SiloPort = 1;
            endpoint.GatewayPort = 0;
        });
        NoSiloPort.Use(silo.Services);

        // Calls last as long as their client waits: compactions and long scans take their time.
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = TimeSpan.FromMinutes(10);
            messaging.CancelRequestOnTimeout = true;
        });
        silo.Configure<GrainCollectionOptions>(collection => collection.CollectionAge = TimeSpan.FromDays(1));
    }
}
