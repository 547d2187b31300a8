using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams.Tests;

internal sealed class AuditGrain([PersistentState("audit", "PubSubStore")] IPersistentState<AuditState> state, ILocalSiloDetails silo)
    : Grain, IAuditGrain, IAsyncObserver<Commit>
{
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        state.State.Activations++;
        foreach (var subscription in await Commits().GetAllSubscriptionHandles())
        {
            await subscription.ResumeAsync(this, new RevisionToken(state.State.LastRevision + 1));
        }
    }

    public async Task Follow(long fromRevision)
    {
        state.State.LastRevision = fromRevision - 1;
        await Commits().SubscribeAsync(this, new RevisionToken(fromRevision));
    }

    public Task<List<string>> Notes() => Task.FromResult(state.State.Notes);

    public Task<List<string>> Errors() => Task.FromResult(state.State.Errors);

    public Task<int> Activations() => Task.FromResult(state.State.Activations);

    public Task GoAway()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task OnNextAsync(Commit item, StreamSequenceToken? token = null)
    {
        // A commit comes at least once: what was noted before is passed over.
        if (item.Revision > state.State.LastRevision)
        {
            state.State.Notes.AddRange(item.Events.Select(change => $"{item.Revision} {change.Kv.Key.ToStringUtf8()}"));
            state.State.LastRevision = item.Revision;
            await state.WriteStateAsync();
        }
    }

    public async Task OnErrorAsync(Exception ex)
    {
        state.State.Errors.Add(ex.GetType().Name);
        await state.WriteStateAsync();
    }

    private IAsyncStream<Commit> Commits() =>
        this.GetStreamProvider(CommitStream.ProviderName).GetStream<Commit>(CommitStream.Of(silo.SiloAddress));
}
