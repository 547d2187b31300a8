using System.Globalization;
using System.Runtime.InteropServices;

namespace Granary.Benchmarks.Reports;

/// <summary>What was measured on.</summary>
/// <param name="Cpus">Those that this process may use.</param>
/// <param name="Processor">The model's name.</param>
/// <param name="MemoryBytes">All memory.</param>
internal sealed record Machine(int Cpus, string Processor, long MemoryBytes)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Cpus} CPUs ({Processor}), {MemoryBytes / (double)(1 << 30):F1} GiB of memory");

    /// <summary>The machine that this process runs on.</summary>
    public static Machine This() => new(
        Environment.ProcessorCount,

        // The kernel of an ARM machine names no model.
        Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.OSArchitecture.ToString(),
        Field("/proc/meminfo", "MemTotal") is { } kibibytes ? long.Parse(kibibytes.Split(' ')[0], CultureInfo.InvariantCulture) << 10 : 0);

    private static string? Field(string file, string name) => File.ReadLines(file)
        .Select(static line => line.Split(':', 2, StringSplitOptions.TrimEntries))
        .FirstOrDefault(field => field[0] == name)?[1];
}
