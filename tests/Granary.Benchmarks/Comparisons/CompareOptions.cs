namespace Granary.Benchmarks.Comparisons;

/// <summary>How long the comparison takes.</summary>
internal sealed record CompareOptions
{
    public required int Rounds { get; init; }

    public required TimeSpan Warmup { get; init; }

    public required TimeSpan Duration { get; init; }

    /// <summary>Keys of the restart.</summary>
    public required int RestartKeys { get; init; }
}
