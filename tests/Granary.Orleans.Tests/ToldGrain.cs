using Orleans;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>Notes what it is told of its keys, though nobody calls it.</summary>
[ImplicitGranarySubscription(Prefix)]
public sealed class ToldGrain([PersistentState("told")] IPersistentState<ToldGrain.Told> told) : Grain, IToldGrain
{
    public const string Prefix = "told/";

    private int _refusals;

    public async Task OnChangesAsync(GranaryChanges changes)
    {
        if (_refusals > 0)
        {
            _refusals--;
            throw new InvalidOperationException("not now");
        }

        told.State.Notes.AddRange(changes.Events.Select(change =>
            $"{change.Revision} {(changes.MayHaveMissed ? "now " : "")}{(change.IsDeletion ? "-" : "")}{change.Key}{(change.Previous is { } before ? $" was {before.Value}" : "")}"));
        await told.WriteStateAsync();
    }

    public Task<List<string>> Notes() => Task.FromResult(told.State.Notes);

    public Task Refuse(int times)
    {
        _refusals = times;
        return Task.CompletedTask;
    }

    [GenerateSerializer]
    public sealed class Told
    {
        [Id(0)]
        public List<string> Notes { get; set; } = [];
    }
}
