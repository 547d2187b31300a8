namespace Granary.Client;

/// <summary>
/// Who waits below a name has a key there, attached to a lease; who has the oldest one is first. Keys are as etcd's own clients make them, so that
/// all of them wait for each other.
/// </summary>
internal sealed class Contest(IGranaryClient client, Bytes name, GranaryLease lease)
{
    private readonly KeyRange _all = All(name);
    private long _entered;

    public Bytes Key { get; } = name.With($"/{lease.Id:x}");

    /// <summary>When its key came to be: a number that only grows from one who was first to the next.</summary>
    public long Revision => _entered;

    /// <summary>The keys of all who wait below a name.</summary>
    public static KeyRange All(Bytes name) => KeyRange.Prefix(name.With("/"));

    /// <summary>Comes to have a key. It comes to the same however often it is done.</summary>
    /// <returns>Whether it is the first at once.</returns>
    public async Task<bool> Enter(Bytes value, CancellationToken cancellationToken)
    {
        var oldest = Op.Range(_all, new RangeOptions { Limit = 1, SortBy = SortTarget.CreateRevision });
        var entered = await Persistence.UntilAnswered(
            () => client.Txn()
                .If(When.IsMissing(Key))
                .Then(Op.Put(Key, value, new PutOptions { LeaseId = lease.Id }), oldest)
                .Else(Op.Range(Key), oldest)
                .CommitAsync(cancellationToken),
            cancellationToken).ConfigureAwait(false);
        _entered = entered.HasSucceeded ? entered.Revision : entered.Results[0].Range!.KeyValues[0].CreateRevision;
        return entered.Results[1].Range!.KeyValues[0].Key == Key;
    }

    /// <summary>Waits until it is the first. Nothing but the end of its lease takes its place from it.</summary>
    /// <exception cref="LeaseLostException">It has no key any more.</exception>
    public async Task WaitUntilFirst(CancellationToken cancellationToken)
    {
        var options = new RangeOptions { MaxCreateRevision = _entered, SortBy = SortTarget.CreateRevision, Descending = true, Limit = 2 };
        while (true)
        {
            var last = await Persistence.UntilAnswered(() => client.RangeAsync(_all, options, cancellationToken), cancellationToken).ConfigureAwait(false);
            if (last.KeyValues.Count == 0 || last.KeyValues[0].Key != Key)
            {
                throw new LeaseLostException(lease.Id);
            }

            if (last.KeyValues.Count == 1)
            {
                return;
            }

            await IsGone(last.KeyValues[1].Key, last.Revision, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task IsGone(Bytes key, long revision, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var _ in client.WatchAsync(key, new WatchOptions { StartRevision = revision + 1, ExcludePuts = true }, cancellationToken).ConfigureAwait(false))
            {
                return;
            }
        }
        catch (CompactedException)
        {
            // Whoever asks looks anew.
        }
    }
}
