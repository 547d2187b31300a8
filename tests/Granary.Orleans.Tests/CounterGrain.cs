using Orleans;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>Counts, and knows who carries it.</summary>
public interface ICounterGrain : IGrainWithStringKey
{
    Task<int> Add(int number);

    Task<int> Value();

    Task Clear();

    Task Rest();

    Task<string> SiloName();
}

public sealed class CounterGrain([PersistentState("count")] IPersistentState<CounterGrain.Count> count, ILocalSiloDetails silo) : Grain, ICounterGrain
{
    public async Task<int> Add(int number)
    {
        count.State.Number += number;
        await count.WriteStateAsync();
        return count.State.Number;
    }

    public Task<int> Value() => Task.FromResult(count.State.Number);

    public Task Clear() => count.ClearStateAsync();

    public Task Rest()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<string> SiloName() => Task.FromResult(silo.Name);

    [GenerateSerializer]
    public sealed class Count
    {
        [Id(0)]
        public int Number { get; set; }
    }
}
