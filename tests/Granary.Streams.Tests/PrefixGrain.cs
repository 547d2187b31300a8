using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams.Tests;

/// <summary>Notes what it is told of the prefixes that it follows, as <c>prefix: revision keys</c>.</summary>
internal sealed class PrefixGrain([PersistentState("prefixes", "PubSubStore")] IPersistentState<PrefixState> state) : Grain, IPrefixGrain
{
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        state.State.Activations++;
        foreach (var (prefix, last) in state.State.LastRevisions)
        {
            await Subscribe(prefix, last + 1);
        }
    }

    public Task Follow(string prefix, long fromRevision)
    {
        state.State.LastRevisions[prefix] = fromRevision - 1;
        return Subscribe(prefix, fromRevision);
    }

    public Task<List<string>> Notes() => Task.FromResult(state.State.Notes);

    public Task<int> Activations() => Task.FromResult(state.State.Activations);

    public Task GoAway()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    private Task<StreamSubscriptionHandle<Commit>> Subscribe(string prefix, long fromRevision) => this.GetGranaryStream(prefix).SubscribeAsync(
        commit =>
        {
            state.State.LastRevisions[prefix] = commit.Revision;
            state.State.Notes.Add($"{prefix}: {commit.Revision} {string.Join(' ', commit.Events.Select(change => change.Kv.Key.ToStringUtf8()))}");
            return state.WriteStateAsync();
        },
        fromRevision,
        missed =>
        {
            state.State.Notes.Add($"{prefix}: {missed.GetType().Name}");
            return Task.CompletedTask;
        });
}
