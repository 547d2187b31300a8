using System.Runtime.InteropServices;

namespace Granary.Storage.Stores.Rocks;

/// <summary>
/// How the C library gives memory to RocksDB. By itself glibc has arenas for each thread, up to eight per processor, and what one thread frees
/// no other gets: while much is written and removed, three times as much is taken from the system as is in use.
/// </summary>
public static class NativeHeap
{
    private const int ArenaMax = -8;
    private const int Arenas = 1;

    private static readonly Lazy<bool> IsBound = new(Bind);

    /// <summary>
    /// Has all threads share what is freed, unless the environment says otherwise or the C library is another one. To be called as the first
    /// thing in a process: an arena that is there stays, and once there are very many the bound is no longer looked at.
    /// </summary>
    public static void Share() => _ = IsBound.Value;

    private static bool Bind()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_ARENA_MAX") is not null)
        {
            return false;
        }

        try
        {
            return SetOption(ArenaMax, Arenas) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no arenas.
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetOption(int option, int value);
}
