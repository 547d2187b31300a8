namespace Granary.Benchmarks;

/// <summary>What the callers of a load do.</summary>
internal enum Workload
{
    /// <summary>Put one key.</summary>
    Put,

    /// <summary>Read one key, linearizably.</summary>
    Range,

    /// <summary>Nine reads to one put.</summary>
    Mixed,

    /// <summary>Put if the key exists, else put too: one compare, one put.</summary>
    Txn,
}
