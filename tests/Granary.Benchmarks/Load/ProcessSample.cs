using System.Globalization;
using Granary.Benchmarks.Comparisons;

namespace Granary.Benchmarks.Load;

/// <summary>CPU time and resident memory of a process of this machine at one moment, as the kernel counts them.</summary>
internal readonly record struct ProcessSample(TimeSpan Cpu, double RssMegabytes)
{
    // USER_HZ: 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;
    private const double PageBytes = 4096;

    // Counted behind the name, which may hold blanks: state is field 0.
    private const int UserTicks = 11;
    private const int SystemTicks = 12;
    private const int ResidentPages = 21;

    public static ProcessSample Of(int processId)
    {
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return new ProcessSample(
            TimeSpan.FromSeconds((Number(fields[UserTicks]) + Number(fields[SystemTicks])) / TicksPerSecond),
            Number(fields[ResidentPages]) * PageBytes / (1 << 20));
    }

    /// <summary>Resident bytes, once they hardly move any more: the median of some readings.</summary>
    public static async Task<double> SettledRssBytes(int processId, CancellationToken cancellationToken)
    {
        var readings = new List<double>();
        for (var i = 0; i < 7; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancellationToken);
            readings.Add(Of(processId).RssMegabytes * (1 << 20));
        }

        return Median.Of(readings, static bytes => bytes);
    }

    private static double Number(string field) => double.Parse(field, CultureInfo.InvariantCulture);
}
