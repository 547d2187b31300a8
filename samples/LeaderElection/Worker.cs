using Granary.Client;

namespace Granary.Samples.LeaderElection;

/// <summary>Works as long as it leads. However many processes there are, one of them does.</summary>
internal sealed partial class Worker(IGranaryClient client, ILogger<Worker> logger) : BackgroundService
{
    private static readonly string Name = $"{Environment.MachineName}/{Environment.ProcessId}";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // Ends when this process leads. When it is killed, another one does after five seconds; when it is stopped, at once.
                LogWaiting(logger, Name);
                await using var leadership = await client.CampaignAsync("samples/leader", Name, TimeSpan.FromSeconds(5), stoppingToken);
                using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, leadership.Lost);
                await Lead(leadership.Revision, leading.Token);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // It is lost, or no server answers.
                LogNotLeading(logger, exception.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // What is done here, is done with the revision: a later leader has a higher one, so whatever is protected can tell who comes too late.
    private async Task Lead(long revision, CancellationToken cancellationToken)
    {
        while (true)
        {
            LogLeading(logger, Name, revision);
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "{Name} waits")]
    private static partial void LogWaiting(ILogger logger, string name);

    [LoggerMessage(2, LogLevel.Information, "{Name} leads, fenced by revision {Revision}")]
    private static partial void LogLeading(ILogger logger, string name, long revision);

    [LoggerMessage(3, LogLevel.Warning, "does not lead: {Reason}")]
    private static partial void LogNotLeading(ILogger logger, string reason);
}
