namespace Granary.Benchmarks.Load;

/// <summary>What every client does, over and over.</summary>
internal enum Workload
{
    /// <summary>Puts a key.</summary>
    Put,

    /// <summary>Reads a key, linearizably.</summary>
    Range,

    /// <summary>Reads a key four times out of five, else puts it.</summary>
    Mixed,

    /// <summary>Puts a key if it is as it was last seen, else reads it: the update of Kubernetes.</summary>
    Txn,

    /// <summary>Puts eight keys in one txn.</summary>
    TxnOfPuts,

    /// <summary>Reads 500 keys from one on: a page of a long list.</summary>
    Page,

    /// <summary>Reads 10,000 keys from one on.</summary>
    List,

    /// <summary>
    /// As <see cref="Txn"/>, but every fiftieth time as <see cref="Page"/>; each key is attached to a lease, and watches are told of every update.
    /// </summary>
    Kubernetes,
}
