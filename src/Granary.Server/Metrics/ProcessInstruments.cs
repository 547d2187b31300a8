using System.Diagnostics;
using System.Diagnostics.Metrics;
using Granary.Server.Hosting;

namespace Granary.Server.Metrics;

/// <summary>What the operating system says of this process, under the names that every Prometheus client library has for it.</summary>
internal sealed class ProcessInstruments
{
    public const string MeterName = "Granary.Process";

    public ProcessInstruments(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("process_cpu_seconds_total", static () => Environment.CpuUsage.TotalTime.TotalSeconds, description: "CPU time that was used.");
        meter.CreateObservableGauge("process_resident_memory_bytes", static () => Environment.WorkingSet, description: "Resident memory.");
        meter.CreateObservableGauge("process_virtual_memory_bytes", static () => Process.GetCurrentProcess().VirtualMemorySize64, description: "Virtual memory.");
        meter.CreateObservableGauge("process_start_time_seconds", StartTime, description: "When the process began, in seconds since 1970.");
        meter.CreateObservableGauge("process_open_fds", OpenFiles, description: "Files that are open.");
        meter.CreateObservableGauge("process_max_fds", static () => ProcessLimits.OpenFiles, description: "Files that may be open.");
        meter.CreateObservableGauge("os_fd_used", OpenFiles, description: "Files that are open.");
        meter.CreateObservableGauge("os_fd_limit", static () => ProcessLimits.OpenFiles, description: "Files that may be open.");
    }

    private static double StartTime() => new DateTimeOffset(Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0;

    private static long OpenFiles() => Directory.Exists("/proc/self/fd") ? Directory.EnumerateFileSystemEntries("/proc/self/fd").LongCount() : 0;
}
