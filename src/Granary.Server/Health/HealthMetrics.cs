using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Granary.Server.Health;

/// <summary>Counts how often health was asked for, and what was said last.</summary>
internal static class HealthMetrics
{
    public const string MeterName = "Granary.Health";

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<(string Type, string Name), bool> Last = new();

    private static long _successes;
    private static long _failures;

    private static readonly Counter<int> Checks = Meter.CreateCounter<int>("etcd_server_healthchecks_total", description: "Health checks that were run.");

    static HealthMetrics()
    {
        // Counters in all but name: etcd's lack the ending that counters are given.
        Meter.CreateObservableGauge("etcd_server_health_success", static () => Interlocked.Read(ref _successes), description: "Times that /health was well.");
        Meter.CreateObservableGauge("etcd_server_health_failures", static () => Interlocked.Read(ref _failures), description: "Times that /health was not.");
        Meter.CreateObservableGauge(
            "etcd_server_healthcheck",
            static () => Last.Select(entry => new Measurement<int>(entry.Value ? 1 : 0, new("type", entry.Key.Type), new("name", entry.Key.Name))),
            description: "What each health check said last: 1 for well.");
    }

    public static void Count(bool isWell) => Interlocked.Increment(ref isWell ? ref _successes : ref _failures);

    public static void Count(string type, string name, bool isWell)
    {
        Last[(type, name)] = isWell;
        Checks.Add(1, new("type", type), new("name", name), new("status", isWell ? "success" : "error"));
    }
}
