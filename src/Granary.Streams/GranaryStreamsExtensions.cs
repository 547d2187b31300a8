using Granary.Storage.Replicas;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Puts the streams of commits on a silo.</summary>
public static class GranaryStreamsExtensions
{
    private static readonly TimeSpan Never = TimeSpan.FromDays(3650);

    /// <summary>
    /// Adds the persistent stream providers over the silo's <see cref="Replica"/>: read only, rewindable to any revision that is not compacted, in
    /// order, each commit at least once. Subscriptions live as long as the silos do.
    /// </summary>
    public static ISiloBuilder AddGranaryStreams(this ISiloBuilder silo)
    {
        silo.AddMemoryGrainStorage("PubSubStore");
        silo.Services.AddSingleton<WatchDemand>();
        AddProvider(silo, CommitStream.ProviderName, CommitStream.Of, static _ => Task.CompletedTask, StreamPubSubType.ExplicitGrainBasedAndImplicit);
        AddProvider(silo, CommitStream.WatchProviderName, CommitStream.WatchesOf, static services => services.GetRequiredService<WatchDemand>().Begun, StreamPubSubType.ImplicitOnly);
        return silo;
    }

    private static void AddProvider(
        ISiloBuilder silo, string provider, Func<SiloAddress, StreamId> nameStream, Func<IServiceProvider, Task> begins, StreamPubSubType subscriptions) => silo.AddPersistentStreams(
        provider,
        (services, name) => new CommitQueueAdapter(
            name, services.GetRequiredService<Replica>(), nameStream(services.GetRequiredService<ILocalSiloDetails>().SiloAddress), begins(services)),
        streams =>
        {
            streams.Configure<StreamPullingAgentOptions>(options => options.Configure(static agent =>
            {
                agent.BatchContainerBatchSize = 1;
                agent.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(10);

                // There is one stream, and a pause in it is no reason to forget who follows it.
                agent.StreamInactivityPeriod = Never;
            }));
            streams.ConfigureStreamPubSub(subscriptions);
            streams.ConfigurePartitionBalancing(static (_, _) => new OwnQueueBalancer());
        });
}
