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
        Task.WhenAll(acquiredLeases.Select(lease => GiveBack(Id(lease))));

    private async Task<AcquireLeaseResult> Acquire(string key, LeaseRequest request)
    {
        var id = 0L;
        try
        {
            // Whoever asks in vain leaves nothing behind.
            if (await client.GetAsync(key) is not null)
            {
                return Failed(request.ResourceKey, ResponseCode.LeaseNotAvailable);
            }

            var start = DateTime.UtcNow;
            id = await client.GrantExpiringLeaseAsync(request.Duration);
            var token = id.ToString("x16", CultureInfo.InvariantCulture);
            var taken = await client.Txn().If(When.IsMissing(key)).Then(Op.Put(key, token, new PutOptions { LeaseId = id })).CommitAsync();
            if (taken.HasSucceeded)
            {
                return new AcquireLeaseResult(new AcquiredLease(request.ResourceKey, request.Duration, token, start), ResponseCode.OK, null);
            }
        }
        catch (GranaryException exception)
        {
            // It may be taken all the same: nobody else is to wait for that to end.
            await GiveBack(id);
            return Failed(request.ResourceKey, ResponseCode.TransientFailure, exception);
        }

        await GiveBack(id);
        return Failed(request.ResourceKey, ResponseCode.LeaseNotAvailable);
    }

    private async Task<AcquireLeaseResult> Renew(AcquiredLease lease)
    {
        try
        {
            var start = DateTime.UtcNow;
            return Id(lease) != 0 && await client.RenewLeaseAsync(Id(lease)) is not null
                ? new AcquireLeaseResult(new AcquiredLease(lease.ResourceKey, lease.Duration, lease.Token, start), ResponseCode.OK, null)
                : Failed(lease.ResourceKey, ResponseCode.InvalidToken);
        }
        catch (GranaryException exception)
        {
            return Failed(lease.ResourceKey, ResponseCode.TransientFailure, exception);
        }
    }

    private async Task GiveBack(long id)
    {
        try
        {
            if (id != 0)
            {
                await client.RevokeLeaseAsync(id);
            }
        }
        catch (GranaryException)
        {
            // It ends by itself.
        }
    }

    // Orleans asks every result of what it is, also where nothing was had.
    private static AcquireLeaseResult Failed(string resource, ResponseCode code, GranaryException? exception = null) =>
        new(new AcquiredLease(resource), code, exception);

    // 0, which is none, where the token is none of ours.
    private static long Id(AcquiredLease lease) => long.TryParse(lease.Token, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id) ? id : 0;

    private string Key(string category, string resource) => $"{_prefix}{Uri.EscapeDataString(category)}/{Uri.EscapeDataString(resource)}";
}
