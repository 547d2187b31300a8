using Granary.Storage.Replicas;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Granary.Streams;

/// <summary>Puts the stream of commits on a silo.</summary>
public static class GranaryStreamsExtensions
{
    private static readonly TimeSpan Never = TimeSpan.FromDays(3650);

    /// <summary>
    /// Adds the persistent stream provider <paramref name="name"/> over the silo's <see cref="Replica"/>: read only, rewindable to any
    /// revision that is not compacted, in order, each commit at least once. Subscriptions live as long as the silos do.
    /// </summary>
    public static ISiloBuilder AddGranaryStreams(this ISiloBuilder silo, string name = CommitStream.ProviderName)
    {
        silo.AddMemoryGrainStorage("PubSubStore");
        silo.AddPersistentStreams(
            name,
            static (services, name) => new CommitQueueAdapter(
                name, services.GetRequiredService<Replica>(), services.GetRequiredService<ILocalSiloDetails>()),
            static streams =>
            {
                streams.Configure<StreamPullingAgentOptions>(options => options.Configure(static agent =>
                {
                    agent.BatchContainerBatchSize = 1;
                    agent.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(10);

                    // There is one stream, and a pause in it is no reason to forget who follows it.
                    agent.StreamInactivityPeriod = Never;
                }));
                streams.ConfigurePartitionBalancing(static (_, _) => new OwnQueueBalancer());
            });
        return silo;
    }
}
