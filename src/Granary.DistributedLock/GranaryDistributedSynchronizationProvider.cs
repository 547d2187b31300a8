using Granary.Client;
using Medallion.Threading;

namespace Granary.DistributedLock;

/// <summary>Makes locks by their name.</summary>
/// <param name="client">The client.</param>
/// <param name="timeToLive">How long a lock outlives a process that is killed; null: <see cref="GranaryCoordination.DefaultTimeToLive"/>.</param>
public sealed class GranaryDistributedSynchronizationProvider(IGranaryClient client, TimeSpan? timeToLive = null) : IDistributedLockProvider
{
    /// <summary>The lock of a name.</summary>
    public GranaryDistributedLock CreateLock(string name) => new(name, client, timeToLive);

    IDistributedLock IDistributedLockProvider.CreateLock(string name) => CreateLock(name);
}
