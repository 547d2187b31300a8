using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Samples.JobServer;

/// <summary>Sees to it that the worker is at work somewhere: where servers share a log it may have been on one that is gone.</summary>
internal sealed partial class Foreman(IGrainFactory grains, ILogger<Foreman> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval);
        do
        {
            try
            {
                await grains.GetGrain<IWorkerGrain>("jobs/").Work();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotAtWork(logger, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(1, LogLevel.Warning, "nobody is at work for a moment: {Reason}")]
    private static partial void LogNotAtWork(ILogger logger, string reason);
}
