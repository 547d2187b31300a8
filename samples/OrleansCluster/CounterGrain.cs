namespace Granary.Samples.OrleansCluster;

internal interface ICounterGrain : IGrainWithStringKey
{
    Task<Reading> Read();

    Task<Reading> Add(int number);

    Task CountEvery(TimeSpan period);
}

/// <summary>What a counter says.</summary>
/// <param name="Count">How far it has counted.</param>
/// <param name="Silo">Which process it is in.</param>
[GenerateSerializer]
internal sealed record Reading([property: Id(0)] int Count, [property: Id(1)] string Silo);

/// <summary>Counts, and keeps how far.</summary>
internal sealed class CounterGrain([PersistentState("count")] IPersistentState<CounterGrain.Counted> counted, ILocalSiloDetails silo)
    : Grain, ICounterGrain, IRemindable
{
    public Task<Reading> Read() => Task.FromResult(new Reading(counted.State.Count, silo.SiloAddress.ToString()));

    public async Task<Reading> Add(int number)
    {
        counted.State.Count += number;
        try
        {
            await counted.WriteStateAsync();
        }
        catch
        {
            // It may be written or not: whoever comes next reads it anew.
            DeactivateOnIdle();
            throw;
        }

        return await Read();
    }

    public Task CountEvery(TimeSpan period) => this.RegisterOrUpdateReminder("count", period, period);

    public Task ReceiveReminder(string reminderName, TickStatus status) => Add(1);

    [GenerateSerializer]
    internal sealed class Counted
    {
        [Id(0)]
        public int Count { get; set; }
    }
}
