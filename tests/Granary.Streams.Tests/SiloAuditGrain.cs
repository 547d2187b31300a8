using Orleans.Runtime;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace Granary.Streams.Tests;

/// <summary>Is subscribed by its attribute, one for each silo, and notes what changes below a prefix.</summary>
[ImplicitStreamSubscription(CommitStream.Namespace)]
internal sealed class SiloAuditGrain : Grain, ISiloAuditGrain, IStreamSubscriptionObserver, IAsyncObserver<Commit>
{
    private readonly List<string> _notes = [];

    public Task<List<string>> Notes() => Task.FromResult(_notes);

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<Commit>().ResumeAsync(this.GetGranaryStream("implicit/").Only(this));

    public Task OnNextAsync(Commit item, StreamSequenceToken? token = null)
    {
        _notes.AddRange(item.Events.Select(change => change.Kv.Key.ToStringUtf8()));
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}
