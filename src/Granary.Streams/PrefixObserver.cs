using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Gives on what is below a prefix, each revision once.</summary>
internal sealed class PrefixObserver(KeyPrefix prefix, long fromRevision, IAsyncObserver<Commit> inner) : IAsyncObserver<Commit>
{
    private long _next = fromRevision;

    public async Task OnNextAsync(Commit item, StreamSequenceToken? token = null)
    {
        // A commit may come again, and those that come along with one below the prefix are others'.
        if (item.Revision >= _next && prefix.IsTouchedBy(item))
        {
            await inner.OnNextAsync(prefix.Of(item), new RevisionToken(item.Revision));
            _next = item.Revision + 1;
        }
    }

    public Task OnErrorAsync(Exception ex) => inner.OnErrorAsync(ex);
}
