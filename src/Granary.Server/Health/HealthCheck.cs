namespace Granary.Server.Health;

/// <summary>One thing that may be wrong with a server.</summary>
/// <param name="Name">As etcd has it.</param>
/// <param name="IsOfLife">Whether a restart may mend it: then /livez asks for it.</param>
/// <param name="Run">Says what is wrong, or null.</param>
internal sealed record HealthCheck(string Name, bool IsOfLife, Func<CancellationToken, ValueTask<string?>> Run);
