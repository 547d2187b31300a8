using System.Globalization;
using Granary.Client;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.LeaseProviders;

namespace Granary.Orleans.Leases;

/// <summary>
/// Leases of what one silo has at a time, such as the queues of a stream provider. Each is a key that lives by a lease of the store; the token is that
/// lease's id. So a silo that is gone has nothing any more after the leases' time.
/// </summary>
internal sealed class GranaryLeaseProvider(IGranaryClient client, IOptions<ClusterOptions> cluster) : ILeaseProvider
{
    private readonly string _prefix = $"orleans/{Uri.EscapeDataString(cluster.Value.ServiceId)}/leases/";

    public Task<AcquireLeaseResult[]> Acquire(string category, LeaseRequest[] leaseRequests) =>
        Task.WhenAll(leaseRequests.Select(request => Acquire(Key(category, request.ResourceKey), request)));

    public Task<AcquireLeaseResult[]> Renew(string category, AcquiredLease[] acquiredLeases) =>
        Task.WhenAll(acquiredLeases.Select(lease => Renew(lease)));

    public Task Release(string category, AcquiredLease[] acquiredLeases) =>
        Task.WhenAll(acquiredLeases.Where(static lease => Id(lease) != 0).Select(lease => client.RevokeLeaseAsync(Id(lease))));

    private async Task<AcquireLeaseResult> Acquire(string key, LeaseRequest request)
    {
        try
        {
            // Whoever asks in vain leaves nothing behind.
            if (await client.GetAsync(key) is not null)
            {
                return new AcquireLeaseResult(null, ResponseCode.LeaseNotAvailable, null);
            }

            var start = DateTime.UtcNow;
            var id = await client.GrantExpiringLeaseAsync(request.Duration);
            var token = id.ToString("x16", CultureInfo.InvariantCulture);
            var taken = await client.Txn().If(When.IsMissing(key)).Then(Op.Put(key, token, new PutOptions { LeaseId = id })).CommitAsync();
            if (taken.HasSucceeded)
            {
                return new AcquireLeaseResult(new AcquiredLease(request.ResourceKey, request.Duration, token, start), ResponseCode.OK, null);
            }

            await client.RevokeLeaseAsync(id);
            return new AcquireLeaseResult(null, ResponseCode.LeaseNotAvailable, null);
        }
        catch (GranaryException exception)
        {
            // If it was taken all the same, it ends by itself.
            return new AcquireLeaseResult(null, ResponseCode.TransientFailure, exception);
        }
    }

    private async Task<AcquireLeaseResult> Renew(AcquiredLease lease)
    {
        try
        {
            var start = DateTime.UtcNow;
            return Id(lease) != 0 && await client.RenewLeaseAsync(Id(lease)) is not null
                ? new AcquireLeaseResult(new AcquiredLease(lease.ResourceKey, lease.Duration, lease.Token, start), ResponseCode.OK, null)
                : new AcquireLeaseResult(null, ResponseCode.InvalidToken, null);
        }
        catch (GranaryException exception)
        {
            return new AcquireLeaseResult(null, ResponseCode.TransientFailure, exception);
        }
    }

    // 0, which is none, where the token is none of ours.
    private static long Id(AcquiredLease lease) => long.TryParse(lease.Token, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id) ? id : 0;

    private string Key(string category, string resource) => $"{_prefix}{Uri.EscapeDataString(category)}/{Uri.EscapeDataString(resource)}";
}
