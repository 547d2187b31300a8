using Granary.Grains.KeyRanges;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Grains.Leases;

/// <summary>
/// Grants and ends leases of one slot in one term, which are writes like any other. All who wait for the end of a lease whose time is over share it.
/// </summary>
/// <param name="replica">Of this silo, which leads.</param>
/// <param name="grains">Has those that write.</param>
/// <param name="term">Of the leader.</param>
/// <param name="ended">Told of each lease that is gone, whoever ended it.</param>
internal sealed class LeaseWrites(Replica replica, IGrainFactory grains, long term, Action<long> ended)
{
    private readonly Dictionary<long, Task<LeaseRevokeResponse>> _running = [];

    /// <summary>Grants a lease on behalf of a caller.</summary>
    public async Task<LeaseGrantResponse> Grant(LeaseGrantRequest request, Caller caller) => await Writer().Grant(request, caller, CancellationToken.None);

    /// <summary>Ends a lease on behalf of a caller. It is shared with nobody: others must not be refused, or let in, for what this caller may do.</summary>
    public async Task<LeaseRevokeResponse> End(long id, Caller caller)
    {
        try
        {
            var request = new LeaseRevokeRequest { ID = id };
            var response = replica.State.Ranges!.Count == 1
                ? await Writer().Revoke(request, caller, CancellationToken.None)
                : await grains.GetGrain<IKeyspaceGrain>(KeyRangeGrainKey.OfKeyspace(term)).Revoke(request, caller, CancellationToken.None);
            ended(id);
            return response;
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.LeaseNotFound)
        {
            ended(id);
            throw;
        }
    }

    /// <summary>Ends a lease whose time is over, or joins those who wait for that.</summary>
    public Task<LeaseRevokeResponse> EndExpired(long id)
    {
        if (!_running.TryGetValue(id, out var running))
        {
            _running.Add(id, running = EndShared(id));
        }

        return running;
    }

    /// <summary>Returns when a lease whose time is over is gone, whoever ended it.</summary>
    public async Task AwaitEnd(long id)
    {
        try
        {
            await EndExpired(id);
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.LeaseNotFound)
        {
            // Somebody else was faster.
        }
    }

    private async Task<LeaseRevokeResponse> EndShared(long id)
    {
        // So that it is in the table before it can be taken out of it.
        await Task.Yield();
        try
        {
            return await End(id, Caller.Server);
        }
        finally
        {
            _running.Remove(id);
        }
    }

    private IKeyRangeGrain Writer() => grains.GetGrain<IKeyRangeGrain>(KeyRangeGrainKey.Of(term, replica.State.Ranges!.IdAt(0)));
}
