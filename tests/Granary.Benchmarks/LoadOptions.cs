namespace Granary.Benchmarks;

/// <summary>What one load is: who sends, what, over how many connections, for how long.</summary>
internal sealed record LoadOptions
{
    public Workload Workload { get; init; } = Workload.Put;

    /// <summary>Callers, each with one call in flight.</summary>
    public int Clients { get; init; } = 100;

    public int Connections { get; init; } = 10;

    /// <summary>Keys that are written and read, each as likely.</summary>
    public int Keys { get; init; } = 10_000;

    public int ValueBytes { get; init; } = 256;

    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(8);

    public int Seed { get; init; } = 1;
}
