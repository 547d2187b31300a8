namespace Granary.Benchmarks.Micro;

/// <summary>What a replica keeps its state in.</summary>
public enum StoreKind
{
    Memory,
    Rocks,
}
