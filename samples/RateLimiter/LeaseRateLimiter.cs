using Granary.Client;

namespace Granary.Samples.RateLimiter;

/// <summary>
/// So many permits in each window of time. A permit is a key that lives as long as the window, by a lease: nobody has to count, to clean up, or to have the
/// right time, and processes that come, go or die change nothing.
/// </summary>
internal sealed class LeaseRateLimiter(IGranaryClient client, int permits, TimeSpan window)
{
    /// <summary>Takes a permit; null if there is none.</summary>
    public async Task<int?> TryAcquire(string caller, CancellationToken cancellationToken)
    {
        var prefix = $"samples/permits/{caller}/";
        var taken = await client.RangeAsync(KeyRange.Prefix(prefix), new RangeOptions { KeysOnly = true }, cancellationToken);
        var free = Enumerable.Range(1, permits).Except(taken.KeyValues.Select(pair => int.Parse(pair.Key.ToString()[prefix.Length..]))).ToList();
        if (free.Count == 0)
        {
            return null;
        }

        // Of two who want the same one, the second takes the next.
        var lease = await client.GrantExpiringLeaseAsync(window, cancellationToken);
        foreach (var permit in free)
        {
            var key = $"{prefix}{permit}";
            var acquired = await client.Txn().If(When.IsMissing(key)).Then(Op.Put(key, default, new PutOptions { LeaseId = lease })).CommitAsync(cancellationToken);
            if (acquired.HasSucceeded)
            {
                return permit;
            }
        }

        await client.RevokeLeaseAsync(lease, cancellationToken);
        return null;
    }
}
