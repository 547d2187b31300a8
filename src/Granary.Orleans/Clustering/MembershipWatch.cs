using System.Globalization;
using Granary.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Clustering;

/// <summary>Has a silo read the table anew as soon as it changes, where it would otherwise ask from time to time.</summary>
internal sealed partial class MembershipWatch(
    IGranaryClient client, IOptions<ClusterOptions> cluster, IClusterMembershipService membership, ILogger<MembershipWatch> logger)
    : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private Task _watching = Task.CompletedTask;

    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(MembershipWatch),
        ServiceLifecycleStage.RuntimeGrainServices,
        _ =>
        {
            _watching = Task.Run(Watch, CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _ending.CancelAsync();
            await _watching;
        });

    public void Dispose() => _ending.Dispose();

    private async Task Watch()
    {
        var version = new MembershipKeys(cluster.Value.ClusterId).Version;
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                // It is told at once when the watch begins: what has changed before is read then.
                await foreach (var update in client.WatchAsync(version, new WatchOptions { ReportProgress = true }, _ending.Token))
                {
                    await membership.Refresh(
                        update.Events is [.., { IsDeletion: false } last] ? new MembershipVersion(long.Parse(last.Value.ToString(), CultureInfo.InvariantCulture)) : default,
                        _ending.Token);
                }
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // The silo asks from time to time all the same.
                LogBrokenOff(logger, exception);
                await Task.Delay(Pause, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The membership is not watched for a moment.")]
    private static partial void LogBrokenOff(ILogger logger, Exception exception);
}
