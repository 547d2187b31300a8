using Microsoft.Win32.SafeHandles;

namespace Granary.Log.Engines.Embedded;

/// <summary>Keeps a directory for one open log at a time. The operating system lets go of it when the process dies.</summary>
public sealed class DirectoryLock : IDisposable
{
    /// <summary>The file in the directory that is held.</summary>
    public const string FileName = "lock";

    // What a file held by another is reported as: EWOULDBLOCK on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
    private const int HeldOnLinux = 11;
    private const int HeldOnMac = 35;
    private const int HeldOnWindows = unchecked((int)0x80070020);

    private readonly SafeFileHandle _handle;

    private DirectoryLock(SafeFileHandle handle) => _handle = handle;

    /// <exception cref="LogInUseException">Another has it.</exception>
    public static DirectoryLock Take(string directory)
    {
        try
        {
            var path = Path.Combine(directory, FileName);
            return new DirectoryLock(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.HResult is HeldOnLinux or HeldOnMac or HeldOnWindows)
        {
            throw new LogInUseException(directory, e);
        }
    }

    public void Dispose() => _handle.Dispose();
}
