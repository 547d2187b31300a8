using Orleans;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>Notes what it is told of the prefixes that it follows, as <c>revision keys</c>, and goes on where it was.</summary>
public sealed class FollowerGrain([PersistentState("followed")] IPersistentState<FollowerGrain.Followed> followed) : Grain, IFollowerGrain
{
    private int _refusals;
    private bool _isPaused;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        followed.State.Activations++;
        await followed.WriteStateAsync(cancellationToken);
        foreach (var (prefix, last) in followed.State.LastRevisions)
        {
            Subscribe(prefix, last + 1);
        }
    }

    public async Task Follow(string prefix, long fromRevision)
    {
        followed.State.LastRevisions[prefix] = fromRevision - 1;
        await followed.WriteStateAsync();
        Subscribe(prefix, fromRevision);
    }

    public Task Refuse(int times)
    {
        _refusals = times;
        return Task.CompletedTask;
    }

    public async Task Pause()
    {
        _isPaused = true;
        await GrainFactory.GetGrain<IPausedGrain>(this.GetPrimaryKeyString()).Wait();
        _isPaused = false;
    }

    public Task<List<string>> Notes() => Task.FromResult(followed.State.Notes);

    public Task<int> Activations() => Task.FromResult(followed.State.Activations);

    public Task GoAway()
    {
        this.DeactivateOnIdle();
        return Task.CompletedTask;
    }

    private void Subscribe(string prefix, long fromRevision) => this.GetGranaryStream(prefix).Subscribe(
        async update =>
        {
            if (_refusals > 0)
            {
                _refusals--;
                throw new InvalidOperationException("not now");
            }

            foreach (var revision in update.Events.GroupBy(static change => change.Revision))
            {
                followed.State.Notes.Add($"{revision.Key} {string.Join(' ', revision.Select(static change => change.Key))}{(_isPaused ? " within a call" : "")}");
            }

            followed.State.LastRevisions[prefix] = update.Revision;
            await followed.WriteStateAsync();
        },
        fromRevision,
        async end =>
        {
            followed.State.Notes.Add(end.GetType().Name);
            followed.State.LastRevisions.Remove(prefix);
            await followed.WriteStateAsync();
        });

    [GenerateSerializer]
    public sealed class Followed
    {
        [Id(0)]
        public Dictionary<string, long> LastRevisions { get; set; } = [];

        [Id(1)]
        public List<string> Notes { get; set; } = [];

        [Id(2)]
        public int Activations { get; set; }
    }
}
