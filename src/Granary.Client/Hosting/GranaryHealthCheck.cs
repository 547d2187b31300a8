using Grpc.Core;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Client;

/// <summary>Reads a key as <c>etcdctl endpoint health</c> does: whoever is told that they may not read it has an answer too.</summary>
internal sealed class GranaryHealthCheck(IGranaryClient client) : IHealthCheck
{
    private const string Key = "health";

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await client.GetAsync(Key, cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy();
        }
        catch (GranaryException exception) when (exception.StatusCode == StatusCode.PermissionDenied)
        {
            return HealthCheckResult.Healthy();
        }
        catch (GranaryException exception)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, exception.Message, exception);
        }
    }
}
