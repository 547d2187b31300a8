using Orleans;
using Orleans.Concurrency;

namespace Granary.Orleans.Tests;

[Reentrant]
public sealed class PausedGrain : Grain, IPausedGrain
{
    private readonly TaskCompletionSource _resumed = new();

    public Task Wait() => _resumed.Task;

    public Task Resume()
    {
        _resumed.TrySetResult();
        return Task.CompletedTask;
    }
}
