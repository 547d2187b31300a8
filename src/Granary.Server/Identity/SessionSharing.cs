using Granary.Grains.Identity;
using Granary.Server.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Identity;

/// <summary>
/// Tells the other silos of each simple token that is given here, before its user has it, so that it is good on all of them. A silo that cannot
/// be reached, or joins later, does not know it; whoever comes there with it is told so, and logs in again.
/// </summary>
internal sealed class SessionSharing(IGrainFactory grains, ISiloStatusOracle silos, ILocalSiloDetails silo, ServerOptions options)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    public async Task Tell(Session session)
    {
        if (options.Engine != Engine.Postgres)
        {
            return;
        }

        using var patience = new CancellationTokenSource(Patience);
        var told = silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .Where(other => !other.Equals(silo.SiloAddress))
            .Select(other => grains.GetGrain<ISessionGrain>(other.ToParsableString()).Add(session, patience.Token).AsTask().WaitAsync(patience.Token))
            .ToList();
        await Task.WhenAll(told).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
