using System.Runtime.InteropServices;

namespace Granary.Log.Engines.Embedded;

/// <summary>The log's files on a real file system.</summary>
public sealed partial class DiskLogFiles : ILogFiles
{
    // open(2): read only, not inherited by child processes. Both values are the same on every Linux that .NET runs on.
    private const int ReadOnlyCloseOnExec = 0x80000;

    // Files are renamed while they are open; other processes are kept away by the lock of the directory.
    private const FileShare Anything = FileShare.ReadWrite | FileShare.Delete;

    private DiskLogFiles()
    {
    }

    public static DiskLogFiles Instance { get; } = new();

    public ILogFile Create(string path, long bytes)
    {
        var free = FreeBytes(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (free < bytes + SegmentLogOptions.ReservedDiskBytes)
        {
            throw new IOException(
                $"The disk has {free} bytes free: {bytes} are needed, and {SegmentLogOptions.ReservedDiskBytes} are kept for the store.");
        }

        return new DiskLogFile(File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, Anything, preallocationSize: bytes));
    }

    public ILogFile Open(string path) => new DiskLogFile(File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, Anything));

    /// <summary>What the process may still write to the disk that holds this directory.</summary>
    public static long FreeBytes(string directory) => new DriveInfo(directory).AvailableFreeSpace;

    public void Rename(string path, string newPath) => File.Move(path, newPath, overwrite: true);

    public void Delete(string path) => File.Delete(path);

    public void SyncDirectory(string directory)
    {
        // Elsewhere .NET gives no way to a directory's own flush; production is Linux.
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var descriptor = OpenDirectory(directory, ReadOnlyCloseOnExec);
        if (descriptor < 0)
        {
            throw Failure("open", directory);
        }

        try
        {
            if (Sync(descriptor) != 0)
            {
                throw Failure("fsync", directory);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string call, string path) =>
        new($"{call} of {path} failed: {Marshal.GetLastPInvokeErrorMessage()}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenDirectory(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
