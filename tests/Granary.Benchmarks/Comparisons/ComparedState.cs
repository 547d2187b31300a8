namespace Granary.Benchmarks.Comparisons;

/// <summary>A grain's state as it is compared.</summary>
[GenerateSerializer]
internal sealed class ComparedState
{
    [Id(0)]
    public byte[] Bytes { get; set; } = [];
}
