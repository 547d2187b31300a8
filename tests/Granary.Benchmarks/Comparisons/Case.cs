using Granary.Benchmarks.Load;

namespace Granary.Benchmarks.Comparisons;

/// <summary>One workload of the comparison.</summary>
internal sealed record Case(string Title, Workload Workload, int Clients)
{
    public static IReadOnlyList<Case> All { get; } =
    [
        new("put, 1 client", Workload.Put, 1),
        new("put, 100 clients", Workload.Put, 100),
        new("put, 1000 clients", Workload.Put, 1000),
        new("range of one key, linearizable, 100 clients", Workload.Range, 100),
        new("mixed: 80 % range, 20 % put, 100 clients", Workload.Mixed, 100),
        new("txn: put if unchanged, else range, 100 clients", Workload.Txn, 100),
        new("txn of 8 puts, 100 clients", Workload.TxnOfPuts, 100),
        new("page of 500 of 100,000 keys, 10 clients", Workload.Page, 10),
        new("list of 10,000 of 100,000 keys, 4 clients", Workload.List, 4),
        new("Kubernetes-shaped: 98 % guarded updates, 2 % pages of 500; a lease for each 50 keys, 10 watches; 100 clients", Workload.Kubernetes, 100),
    ];

    /// <summary>Those whose title begins so.</summary>
    public static IReadOnlyList<Case> Beginning(string title) => [.. All.Where(one => one.Title.StartsWith(title, StringComparison.Ordinal))];

    /// <summary>Ten clients share a connection, as in etcd's own published runs.</summary>
    public int Connections => Math.Max(1, Clients / 10);
}
