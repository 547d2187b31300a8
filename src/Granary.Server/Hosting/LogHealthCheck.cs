using Granary.Log.Commits;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Server.Hosting;

/// <summary>Not serving while nothing can be written, with the reason.</summary>
internal sealed class LogHealthCheck(ICommitLog log) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult((log.Failure ?? log.Shortage) is { } reason ? HealthCheckResult.Unhealthy(reason) : HealthCheckResult.Healthy());
}
