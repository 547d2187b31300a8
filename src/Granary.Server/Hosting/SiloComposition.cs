using System.Net;
using Granary.Grains.Hosting;
using Granary.Grains.KeyRanges;
using Granary.Server.Configuration;
using Granary.Server.Membership;
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
        silo.Services.AddSingleton<SiloFailure>();
        silo.Services.AddSingleton<IFatalErrorHandler>(static services => services.GetRequiredService<SiloFailure>());
        if (options.Engine == Engine.Postgres)
        {
            JoinOthers(silo, options);
        }
        else
        {
            StayAlone(silo);
        }

        // Calls last as long as their client waits: compactions and long scans take their time.
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = TimeSpan.FromMinutes(10);
            messaging.CancelRequestOnTimeout = true;
        });

        // Orleans makes room for a million addresses of grains at once, unless it is told how many there will be. Granary's own need none.
        silo.Configure<GrainDirectoryOptions>(static directory => directory.CacheSize = 50_000);
        silo.Configure<GrainCollectionOptions>(collection => collection.CollectionAge = TimeSpan.FromDays(1));
    }

    // Nobody connects to a single silo: its address is but a name, at which nothing listens.
    private static void StayAlone(ISiloBuilder silo)
    {
        silo.Services.AddSingleton<IMembershipTable, InProcessMembershipTable>();
        silo.Configure<ClusterOptions>(static cluster => (cluster.ClusterId, cluster.ServiceId) = ("granary", "granary"));
        silo.Configure<EndpointOptions>(static endpoint =>
        {
            endpoint.AdvertisedIPAddress = IPAddress.Loopback;
            endpoint.SiloPort = 1;
            endpoint.GatewayPort = 0;
        });
        NoSiloPort.Use(silo.Services);
    }

    // Who leads is known without Orleans, and where its grains are: how soon a silo is declared dead decides nothing. It is late rather
    // than early, since a silo that was only slow ends.
    private static void JoinOthers(ISiloBuilder silo, ServerOptions options)
    {
        var peer = PeerEndpoint.Of(options);
        silo.Services.AddSingleton<IMembershipTable, PostgresMembershipTable>();
        silo.Configure<SiloOptions>(one => one.SiloName = options.Name);
        silo.Configure<EndpointOptions>(endpoint =>
        {
            endpoint.AdvertisedIPAddress = peer.Advertised.Address;
            endpoint.SiloPort = peer.Advertised.Port;
            endpoint.SiloListeningEndpoint = peer.Listen;
            endpoint.GatewayPort = 0;
        });
        silo.Configure<ClusterMembershipOptions>(static membership =>
        {
            membership.ProbeTimeout = TimeSpan.FromSeconds(2);
            membership.NumMissedProbesLimit = 3;
            membership.NumVotesForDeathDeclaration = 1;
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(10);
            membership.DefunctSiloExpiration = TimeSpan.FromHours(1);
            membership.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
            membership.MaxJoinAttemptTime = TimeSpan.FromMinutes(1);

            // Who joins calls all who were alive a moment ago, and waits for those who do not answer: not for long, as all may have been killed.
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(0.5);
            membership.NumMissedTableIAmAliveLimit = 3;
        });
    }
}
