using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>
/// What the subscriptions of one activation share. Orleans notes subscriptions, but not which prefix each is for, and an activation may be on another silo,
/// which has a stream of its own: so those of an earlier activation are ended when the first one of this is made.
/// </summary>
internal sealed class PrefixSubscriptions(Task<IAsyncStream<Commit>> stream)
{
    /// <summary>The stream of the activation's silo.</summary>
    public static async ValueTask<IAsyncStream<Commit>> StreamOf(IGrainContext activation)
    {
        if (activation.GetComponent<PrefixSubscriptions>() is not { } known)
        {
            known = new PrefixSubscriptions(EndEarlier(activation.ActivationServices));
            activation.SetComponent(known);
        }

        return await known.Stream;
    }

    private Task<IAsyncStream<Commit>> Stream { get; } = stream;

    private static async Task<IAsyncStream<Commit>> EndEarlier(IServiceProvider services)
    {
        var provider = services.GetRequiredKeyedService<IStreamProvider>(CommitStream.ProviderName);
        var own = services.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        foreach (var silo in services.GetRequiredService<ISiloStatusOracle>().GetApproximateSiloStatuses(onlyActive: true).Keys.Append(own).Distinct())
        {
            foreach (var earlier in await provider.GetStream<Commit>(CommitStream.Of(silo)).GetAllSubscriptionHandles())
            {
                await earlier.UnsubscribeAsync();
            }
        }

        return provider.GetStream<Commit>(CommitStream.Of(own));
    }
}
