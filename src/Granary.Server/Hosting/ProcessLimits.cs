using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Granary.Server.Hosting;

/// <summary>
/// What the system lets this process have, and whether that is enough. Asked before anything else, and with nothing but the runtime's own
/// library: where files are short, no other can be loaded.
/// </summary>
internal static class ProcessLimits
{
    // The store keeps 512 files open, the program itself some 250, and there is the log.
    private const ulong OwnFiles = 800;

    // The rest is for connections.
    private const ulong LeastFiles = 1024;

    private const ulong LeastThreads = 256;

    // The runtime reserves far more addresses than it uses.
    private const ulong LeastAddressSpace = 64UL << 30;

    private const long LeastMemory = 128L << 20;

    // As Linux numbers them.
    private const int Threads = 6;
    private const int Files = 7;
    private const int AddressSpace = 9;

    /// <summary>How many files may be open; 0 where it is not known or there is no limit.</summary>
    public static long OpenFiles => OperatingSystem.IsLinux() && Of(Files) is <= long.MaxValue and var files ? (long)files : 0;

    /// <summary>How many connections there are files for, beside what else needs files.</summary>
    public static int FilesForConnections => OpenFiles is > 0 and var files ? (int)Math.Clamp(files - (long)OwnFiles, 1, int.MaxValue) : int.MaxValue;

    /// <summary>What there is too little of and what to do about it; null when there is enough.</summary>
    public static string? Shortage()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        var files = Of(Files);
        if (files < LeastFiles)
        {
            return $"at most {files} files may be open, and {LeastFiles} are needed: raise the limit (ulimit -n, or LimitNOFILE= of a systemd unit)";
        }

        var threads = Math.Min(UserId() == 0 ? ulong.MaxValue : Of(Threads), OfControlGroup());
        if (threads < LeastThreads)
        {
            return $"at most {threads} processes and threads may run, and {LeastThreads} are needed: raise the limit (ulimit -u, TasksMax= of a systemd unit, or --pids-limit of a container)";
        }

        var addresses = Of(AddressSpace);
        if (addresses < LeastAddressSpace)
        {
            return $"the address space is limited to {addresses >> 20} MiB, which says nothing of the memory in use: lift that limit (ulimit -v unlimited), and limit the memory by a control group or by DOTNET_GCHeapHardLimit";
        }

        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return memory < LeastMemory ? $"{memory >> 20} MiB of memory may be used, and {LeastMemory >> 20} are needed: raise the limit" : null;
    }

    /// <summary>Writes a line to standard error, in the form that the arguments or the environment want the log to have.</summary>
    public static void Say(string shortage, string[] args)
    {
        var isJson = Environment.GetEnvironmentVariable("ETCD_LOG_FORMAT") == "json";
        for (var i = 0; i < args.Length; i++)
        {
            isJson |= args[i] is "--log-format=json" or "-log-format=json"
                || (args[i] is "--log-format" or "-log-format" && i + 1 < args.Length && args[i + 1] == "json");
        }

        // Nothing of what is said needs to be escaped.
        var line = isJson ? $"{{\"LogLevel\":\"Critical\",\"Category\":\"Granary\",\"Message\":\"{shortage}\"}}\n" : $"granary: {shortage}\n";
        var bytes = Encoding.UTF8.GetBytes(line);
        _ = Write(2, bytes, bytes.Length);
    }

    private static ulong Of(int resource) => GetLimit(resource, out var limit) == 0 ? limit.Current : ulong.MaxValue;

    private static ulong OfControlGroup()
    {
        try
        {
            return ulong.TryParse(File.ReadAllText("/sys/fs/cgroup/pids.max"), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var max)
                ? max
                : ulong.MaxValue;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ulong.MaxValue;
        }
    }

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, out Limit limit);

    [DllImport("libc", EntryPoint = "getuid")]
    private static extern uint UserId();

    [DllImport("libc", EntryPoint = "write")]
    private static extern nint Write(int file, byte[] bytes, nint count);

    private readonly struct Limit
    {
        public readonly ulong Current;
        public readonly ulong Highest;
    }
}
