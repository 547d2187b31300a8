using Granary.Benchmarks.Load;

namespace Granary.Benchmarks.Comparisons;

/// <summary>One workload of the comparison.</summary>
internal sealed record Case(string Title, Workload Workload, int Clients)
{
    public static IReadOnlyList<Case> All { get; } =
    [
        new("put, 100 clients", Workload.Put, 100),
        new("put, 1000 clients", Workload.Put, 1000),
        new("range of one key, linearizable, 100 clients", Workload.Range, 100),
        new("mixed: 80 % range, 20 % put, 100 clients", Workload.Mixed, 100),
        new("txn: put if unchanged, else range, 100 clients", Workload.Txn, 100),
        new("page of 500 of 100,000 keys, 10 clients", Workload.Page, 10),
        new("Kubernetes-shaped: 98 % such txns, 2 % such pages, 100 clients", Workload.TxnAndPage, 100),
    ];

    /// <summary>Ten clients share a connection, as in etcd's own published runs.</summary>
    public int Connections => Math.Max(1, Clients / 10);
}
