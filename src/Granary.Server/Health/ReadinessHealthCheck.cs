using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Server.Health;

/// <summary>What grpc.health says: serving while /readyz is well, with its reason when not.</summary>
internal sealed class ReadinessHealthCheck(HealthProbe probe) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        foreach (var check in probe.Checks)
        {
            if (await check.Run(cancellationToken) is { } reason)
            {
                return HealthCheckResult.Unhealthy(reason);
            }
        }

        return HealthCheckResult.Healthy();
    }
}
