using System.Diagnostics.Metrics;

namespace Granary.Storage.Replicas;

/// <summary>The meter of all that storage measures.</summary>
public static class StorageMetrics
{
    public const string Name = "Granary.Storage";

    internal static readonly Meter Meter = new(Name);
}
