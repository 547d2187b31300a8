using Granary.Grains.Replication;
using Granary.Log.Engines.Postgres;
using Granary.Server.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Membership;

/// <summary>
/// Makes this process a member of the cluster once its silo is there: it follows whoever leads, or leads. Clients' ports are opened behind it,
/// when there is a leader and this process has all that was written before; they are closed before it gives leadership up.
/// </summary>
internal sealed class Campaign(PostgresDatabase database, SharedLog log, ReplicaComparison comparison, ILocalSiloDetails silo, ServerOptions options, ILogger<Campaign> logger) : IHostedService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var address = silo.SiloAddress.ToParsableString();
        var process = $"{options.Name} ({Environment.MachineName}, process {Environment.ProcessId})";
        var self = await Task.Run(
            () => database.WhenReachable(
                connection => PostgresMembers.Join(
                    connection, database, new PostgresMember(0, options.Name, options.AdvertisedPeerUrls, options.AdvertiseClientUrls, address, process, IsLearner: false)),
                logger,
                cancellationToken),
            cancellationToken);
        log.Begin(new Candidate(self.Id, address, process));
        while (!log.IsServing)
        {
            if (log.Failure is { } failure)
            {
                throw new SettingsException(failure);
            }

            await log.Changed(log.Leader, cancellationToken).WaitAsync(LookInterval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        if (options.InitialCorruptCheck && await comparison.Differing(cancellationToken) is var (revision, differing) && differing.Contains(self.Id))
        {
            throw new SettingsException(
                $"{options.EffectiveDataDirectory} holds another state at revision {revision} than the other members have: move that directory away, and start again. It is made anew from the database");
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(log.Stop, cancellationToken);
}
