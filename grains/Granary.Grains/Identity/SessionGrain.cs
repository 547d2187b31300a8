using Granary.Grains.Placement;
using Granary.Log.Commits;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.Identity;

/// <summary>Takes the tokens that other silos give.</summary>
[Reentrant, SiloPlacement, GrainDirectory(HomeDirectory.OfSilos)]
internal sealed class SessionGrain(ISessions sessions, ILeadership leadership) : Grain, ISessionGrain
{
    public async ValueTask Add(Session session, CancellationToken cancellationToken)
    {
        // Before that its user might not be known here, and the token taken for one that has ended.
        await leadership.Caught(session.Index, cancellationToken);
        sessions.Add(session);
    }
}
