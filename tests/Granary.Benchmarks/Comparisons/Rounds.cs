using Granary.Benchmarks.Reports;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Figures of etcd and Granary, measured in turn in several rounds.</summary>
internal sealed class Rounds<T>(IReadOnlyList<T> etcd, IReadOnlyList<T> granary)
{
    public IReadOnlyList<T> Etcd => etcd;

    public IReadOnlyList<T> Granary => granary;

    /// <summary>Measures one after the other, and tells each as it comes.</summary>
    public static async Task<Rounds<T>> Run(int count, string what, Func<Product, Task<T>> measure)
    {
        var etcd = new List<T>();
        var granary = new List<T>();
        for (var round = 0; round < count; round++)
        {
            etcd.Add(await Measure(Product.Etcd));
            granary.Add(await Measure(Product.Granary));
        }

        return new Rounds<T>(etcd, granary);

        async Task<T> Measure(Product product)
        {
            var figures = await measure(product);
            await Console.Error.WriteLineAsync($"{product}, {what}: {figures}");
            return figures;
        }
    }

    /// <summary>Adds the medians of a figure to a table.</summary>
    public void Row(ComparisonTable table, string name, string format, Better better, Func<T, double> figure, bool isPrincipal = false) =>
        table.Row(name, format, better, Median.Of(etcd, figure), Median.Of(granary, figure), isPrincipal);
}
