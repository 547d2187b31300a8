using System.Globalization;

namespace Granary.Testing;

/// <summary>What a server's process takes of the machine's memory.</summary>
public static class ServerMemory
{
    /// <summary>Bytes that are resident now.</summary>
    public static long Resident(Server server) => Read(server, "VmRSS");

    /// <summary>Bytes that were resident at most since <see cref="ForgetPeak"/>.</summary>
    public static long Peak(Server server) => Read(server, "VmHWM");

    public static void ForgetPeak(Server server) => File.WriteAllText($"/proc/{server.ProcessId}/clear_refs", "5");

    private static long Read(Server server, string name)
    {
        var line = File.ReadLines($"/proc/{server.ProcessId}/status").Single(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2].Trim(), CultureInfo.InvariantCulture) << 10;
    }
}
