using Orleans;

namespace Granary.Orleans.Tests;

/// <summary>Waits until somebody says so.</summary>
public interface IPausedGrain : IGrainWithStringKey
{
    Task Wait();

    Task Resume();
}
