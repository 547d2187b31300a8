using Orleans;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>Counts how often it was reminded, also when it was asleep.</summary>
public interface IRemindedGrain : IGrainWithStringKey
{
    Task Begin(TimeSpan period);

    Task End();

    Task<int> Count();
}

public sealed class RemindedGrain([PersistentState("count")] IPersistentState<CounterGrain.Count> count) : Grain, IRemindedGrain, IRemindable
{
    private const string Name = "count";

    public Task Begin(TimeSpan period) => this.RegisterOrUpdateReminder(Name, period, period);

    public async Task End() => await this.UnregisterReminder((await this.GetReminder(Name))!);

    public Task<int> Count() => Task.FromResult(count.State.Number);

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        count.State.Number++;
        await count.WriteStateAsync();
    }
}
