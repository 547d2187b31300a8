using Orleans;

namespace Granary.Orleans.Tests;

public interface IFollowerGrain : IGrainWithStringKey
{
    Task Follow(string prefix, long fromRevision);

    /// <summary>Takes nothing until it has refused so many times.</summary>
    Task Refuse(int times);

    /// <summary>A call that lasts until <see cref="IPausedGrain.Resume"/>.</summary>
    Task Pause();

    Task<List<string>> Notes();

    Task<int> Activations();

    Task GoAway();
}
