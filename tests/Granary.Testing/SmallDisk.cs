using System.Runtime.InteropServices;

namespace Granary.Testing;

/// <summary>
/// A small file system in memory, mounted over a directory that nobody uses yet. Others fill it and free it again. Takes root's rights.
/// </summary>
public sealed class SmallDisk : IDisposable
{
    private const int Lazily = 2;

    private readonly string _directory;

    private SmallDisk(string directory) => _directory = directory;

    private string Filler => Path.Combine(_directory, "filler");

    public long FreeBytes => new DriveInfo(_directory).AvailableFreeSpace;

    /// <exception cref="InvalidOperationException">It could not be mounted.</exception>
    public static SmallDisk Over(string directory, int mebibytes)
    {
        if (Mount("tmpfs", directory, "tmpfs", 0, $"size={mebibytes}m") != 0)
        {
            throw new InvalidOperationException($"no tmpfs could be mounted, which takes root's rights: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        return new SmallDisk(directory);
    }

    /// <summary>Fills it by a file that is none of the server's, so that no more than this is free.</summary>
    public void Fill(long leaving)
    {
        var block = new byte[256 << 10];
        using var file = new FileStream(Filler, FileMode.Append);
        try
        {
            // The server writes meanwhile: what is free is asked once for each block.
            while (FreeBytes - leaving is > 0 and var tooMuch)
            {
                file.Write(block, 0, (int)Math.Min(block.Length, tooMuch));
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full: the server was faster by a little.
        }
    }

    public void Free() => File.Delete(Filler);

    // The server may still run in there.
    public void Dispose()
    {
        if (Unmount(_directory, Lazily) != 0)
        {
            throw new InvalidOperationException($"{_directory} could not be unmounted: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [DllImport("libc", EntryPoint = "mount", SetLastError = true)]
    private static extern int Mount(string source, string target, string type, ulong flags, string data);

    [DllImport("libc", EntryPoint = "umount2", SetLastError = true)]
    private static extern int Unmount(string target, int flags);
}
