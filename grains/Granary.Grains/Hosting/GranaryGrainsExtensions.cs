using System.Runtime.CompilerServices;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Grains.Placement;
using Granary.Grains.Replication;
using Granary.Grains.Serialization;
using Granary.Grains.Watches;
using Granary.Log.Commits;
using Granary.Log.Engines.Postgres;
using Granary.Storage.Replicas;
using Granary.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.Serialization;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Serializers;

namespace Granary.Grains.Hosting;

/// <summary>Puts Granary's grains on a silo.</summary>
public static class GranaryGrainsExtensions
{
    /// <summary>Adds the grains; what they work on comes by <see cref="AddGranaryStorage"/>.</summary>
    public static ISiloBuilder AddGranaryGrains(this ISiloBuilder silo, KeyRangeOptions options)
    {
        var services = silo.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<LatchTable>();
        services.AddSingleton(new ScanSlots(2 * Environment.ProcessorCount, options.MaxWaitingScans));
        services.AddSingleton(new AnswerBudget(options.AnswerMemoryBytes, Environment.ProcessorCount));
        services.AddSingleton<CompactionWorker>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<CompactionWorker>());
        services.AddSingleton(options.AutoCompaction);
        services.AddHostedService<AutoCompaction>();
        services.AddGranarySerialization();
        services.AddSingleton<WatchStreams>();
        services.AddSingleton<HistoryHold>();
        silo.AddGranaryStreams();
        services.AddHostedService<LeaseStart>();
        services.AddSingleton<ForwardedCalls>();
        services.AddSingleton<GrainHomes>();
        services.AddPlacementDirector<LeaderPlacementStrategy, LeaderPlacementDirector>();
        services.AddPlacementDirector<SiloPlacementStrategy, SiloPlacementDirector>();
        silo.AddGrainDirectory(HomeDirectory.OfTerms, static (provider, _) => new HomeDirectory(provider.GetRequiredService<GrainHomes>().OfTerm));
        silo.AddGrainDirectory(HomeDirectory.OfThisSilo, static (provider, _) =>
        {
            var here = provider.GetRequiredService<ILocalSiloDetails>().SiloAddress;
            return new HomeDirectory(_ => here);
        });
        silo.AddGrainDirectory(HomeDirectory.OfSilos, static (_, _) => new HomeDirectory(GrainHomes.OfSilo));

        // What was never counted shows as 0, and not as nothing: so the instruments are there before anything is.
        foreach (var instruments in (Type[])[typeof(KeyRangeMetrics), typeof(WatchMetrics), typeof(LeaseMetrics)])
        {
            RuntimeHelpers.RunClassConstructor(instruments.TypeHandle);
        }

        return silo;
    }

    /// <summary>Adds the replica and the log that the grains work on. The caller has opened them, and closes them.</summary>
    public static IServiceCollection AddGranaryStorage(this IServiceCollection services, Replica replica, ICommitLog log)
    {
        services.AddSingleton(replica).AddSingleton(log);
        if (log is SharedLog shared)
        {
            services.AddSingleton(shared).AddSingleton<ILeadership>(shared).AddSingleton<IReplication>(shared);
            services.AddHostedService<ReplicationWorker>();
            services.AddSingleton<OtherReplicas>();
            services.AddSingleton<ReplicaComparison>();
            services.AddHostedService<CorruptionCheck>();
            services.AddHostedService<FullDiskHandover>();
        }
        else
        {
            services.AddSingleton<ILeadership>(new SoleLeadership(replica, log));
        }

        return services;
    }

    /// <summary>Lets protobuf messages be arguments and answers of grain calls.</summary>
    public static IServiceCollection AddGranarySerialization(this IServiceCollection services)
    {
        services.AddSingleton<ProtobufCodec>();
        services.AddSingleton<IGeneralizedCodec>(provider => provider.GetRequiredService<ProtobufCodec>());
        services.AddSingleton<IGeneralizedCopier>(provider => provider.GetRequiredService<ProtobufCodec>());
        services.AddSingleton<ITypeFilter>(provider => provider.GetRequiredService<ProtobufCodec>());
        return services;
    }
}
